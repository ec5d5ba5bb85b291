//! The bounded queue between the workers and whoever takes the results: [`Outlet`].

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::contain::{Panic, contain_call, discard_all};
use super::lock::Lock;
use crate::TaskResult;

/// The queue between the workers and whoever takes the results.
///
/// Where it is full, workers start nothing more. What is executing goes on, so that no consumer,
/// however slow, holds up a step that has begun.
#[derive(Debug)]
pub(super) struct Outlet<O> {
    capacity: usize,
    queue: Lock<Queue<O>>,
}

#[derive(Debug)]
struct Queue<O> {
    results: VecDeque<TaskResult<O>>,
    /// How many workers may still push.
    working: usize,
    consumer: Option<Waker>,
    /// One place a worker: set while that worker waits for room.
    blocked: Vec<Option<Waker>>,
    /// What the engine or the input stream panicked with; the consumer panics with it in turn.
    panic: Option<Panic>,
}

impl<O> Outlet<O> {
    pub(super) fn new(workers: usize, capacity: usize) -> Self {
        Self {
            capacity,
            queue: Lock::new(Queue {
                results: VecDeque::new(),
                working: workers,
                consumer: None,
                blocked: vec![None; workers],
                panic: None,
            }),
        }
    }

    /// Moves a batch in, also where there is no room: says whether there is room for more.
    ///
    /// The results are moved and not the batch: a buffer that one thread allocates and another
    /// frees costs more than moving what is in it.
    pub(super) fn push(&self, batch: &mut Vec<TaskResult<O>>) -> bool {
        let (consumer, room) = {
            let mut queue = self.queue.lock();
            queue.results.extend(batch.drain(..));
            let room = queue.results.len() < self.capacity;
            (queue.consumer.take(), room)
        };
        wake(consumer);
        room
    }

    /// Says whether there is room; if not, the worker will be woken when there is.
    pub(super) fn has_room(&self, worker: usize, cx: &Context<'_>) -> bool {
        let mut queue = self.queue.lock();
        let room = queue.results.len() < self.capacity;
        if !room {
            queue.blocked[worker] = Some(cx.waker().clone());
        }
        room
    }

    /// Moves all there is to `into`, which is empty; says no once all workers have left and nothing
    /// is left to take.
    ///
    /// # Panics
    ///
    /// With what a worker or the input stream panicked with, once all else is taken.
    pub(super) fn poll_take(
        &self,
        into: &mut VecDeque<TaskResult<O>>,
        cx: &Context<'_>,
    ) -> Poll<bool> {
        let blocked: Vec<_> = {
            let mut queue = self.queue.lock();
            if queue.results.is_empty() {
                if queue.working > 0 {
                    let before = queue.consumer.replace(cx.waker().clone());
                    drop(queue);
                    // A waker is the user's: what it does when it is dropped, it does unlocked.
                    drop(before);
                    return Poll::Pending;
                }
                let panic = queue.panic.take();
                drop(queue);
                if let Some(panic) = panic {
                    std::panic::resume_unwind(panic);
                }
                return Poll::Ready(false);
            }
            // The two buffers change places and are used again.
            std::mem::swap(&mut queue.results, into);
            queue.blocked.iter_mut().filter_map(Option::take).collect()
        };
        blocked.into_iter().for_each(Waker::wake);
        Poll::Ready(true)
    }

    /// Keeps what the engine or the input stream panicked with.
    pub(super) fn panicked(&self, panic: Panic) {
        self.queue.lock().panic.get_or_insert(panic);
    }

    /// A worker is through.
    pub(super) fn leave(&self) {
        let consumer = {
            let mut queue = self.queue.lock();
            queue.working -= 1;
            if queue.working == 0 {
                queue.consumer.take()
            } else {
                None
            }
        };
        wake(consumer);
    }
}

/// Wakes the consumer. Its waker is the user's; a panic in there is no reason for tasks to suffer.
fn wake(consumer: Option<Waker>) {
    if let Some(consumer) = consumer {
        let _ = contain_call(|| consumer.wake());
    }
}

impl<O> Drop for Outlet<O> {
    fn drop(&mut self) {
        discard_all(self.queue.lock().results.drain(..));
    }
}

//! The bounded queue between the workers and whoever takes the results: [`Outlet`].

use std::any::Any;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::lock::Lock;
use crate::TaskResult;

/// With so many results untaken, workers start nothing more. What is executing goes on, so that no
/// consumer, however slow, holds up a step that has begun.
const CAPACITY: usize = 8_192;

/// What a panic left behind.
pub(super) type Panic = Box<dyn Any + Send>;

/// The bounded queue between the workers and whoever takes the results.
#[derive(Debug)]
pub(super) struct Outlet<O>(Lock<Queue<O>>);

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
    pub(super) fn new(workers: usize) -> Self {
        Self(Lock::new(Queue {
            results: VecDeque::new(),
            working: workers,
            consumer: None,
            blocked: vec![None; workers],
            panic: None,
        }))
    }

    /// Moves a batch in, also where there is no room: says whether there is room for more.
    ///
    /// The results are moved and not the batch: a buffer that one thread allocates and another
    /// frees costs more than moving what is in it.
    pub(super) fn push(&self, batch: &mut Vec<TaskResult<O>>) -> bool {
        let (consumer, room) = {
            let mut queue = self.0.lock();
            queue.results.extend(batch.drain(..));
            (queue.consumer.take(), queue.results.len() < CAPACITY)
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        room
    }

    /// Says whether there is room; if not, the worker will be woken when there is.
    pub(super) fn has_room(&self, worker: usize, cx: &Context<'_>) -> bool {
        let mut queue = self.0.lock();
        let room = queue.results.len() < CAPACITY;
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
        let blocked = {
            let mut queue = self.0.lock();
            if queue.results.is_empty() {
                if queue.working > 0 {
                    queue.consumer = Some(cx.waker().clone());
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
            queue
                .blocked
                .iter_mut()
                .filter_map(Option::take)
                .collect::<Vec<_>>()
        };
        for worker in blocked {
            worker.wake();
        }
        Poll::Ready(true)
    }

    /// Keeps what the engine or the input stream panicked with.
    pub(super) fn panicked(&self, panic: Panic) {
        self.0.lock().panic.get_or_insert(panic);
    }

    /// A worker is through.
    pub(super) fn leave(&self) {
        let consumer = {
            let mut queue = self.0.lock();
            queue.working -= 1;
            if queue.working == 0 {
                queue.consumer.take()
            } else {
                None
            }
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }
}

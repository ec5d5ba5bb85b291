//! The bounded queue between the workers and whoever takes the results: [`Outlet`].

use std::any::Any;
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
    batches: Vec<Vec<TaskResult<O>>>,
    len: usize,
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
            batches: Vec::new(),
            len: 0,
            working: workers,
            consumer: None,
            blocked: vec![None; workers],
            panic: None,
        }))
    }

    /// Adds a batch, also where there is no room: says whether there is room for more.
    pub(super) fn push(&self, batch: Vec<TaskResult<O>>) -> bool {
        let (consumer, room) = {
            let mut queue = self.0.lock();
            queue.len += batch.len();
            queue.batches.push(batch);
            (queue.consumer.take(), queue.len < CAPACITY)
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        room
    }

    /// Says whether there is room; if not, the worker will be woken when there is.
    pub(super) fn has_room(&self, worker: usize, cx: &Context<'_>) -> bool {
        let mut queue = self.0.lock();
        let room = queue.len < CAPACITY;
        if !room {
            queue.blocked[worker] = Some(cx.waker().clone());
        }
        room
    }

    /// Takes all there is, in batches; `None` once all workers have left and all is taken.
    ///
    /// # Panics
    ///
    /// With what a worker or the input stream panicked with, once all else is taken.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Vec<Vec<TaskResult<O>>>>> {
        let (batches, blocked) = {
            let mut queue = self.0.lock();
            if queue.batches.is_empty() {
                if queue.working > 0 {
                    queue.consumer = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                let panic = queue.panic.take();
                drop(queue);
                if let Some(panic) = panic {
                    std::panic::resume_unwind(panic);
                }
                return Poll::Ready(None);
            }
            queue.len = 0;
            let blocked: Vec<_> = queue.blocked.iter_mut().filter_map(Option::take).collect();
            (std::mem::take(&mut queue.batches), blocked)
        };
        for worker in blocked {
            worker.wake();
        }
        Poll::Ready(Some(batches))
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

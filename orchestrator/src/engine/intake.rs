//! The bounded queue between admission and the workers: [`Intake`].

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::lock::Lock;
use crate::TaskId;

/// How many admitted tasks wait here at most before admission stops pulling.
const CAPACITY: usize = 2_048;

/// A task that was pulled from the input and given its ordinal.
#[derive(Debug)]
pub(super) struct Admitted<I> {
    pub(super) id: TaskId,
    pub(super) ordinal: u64,
    pub(super) input: I,
}

/// The bounded queue between admission and the workers. Both sides move tasks in batches.
#[derive(Debug)]
pub(super) struct Intake<I>(Lock<Queue<I>>);

#[derive(Debug)]
struct Queue<I> {
    tasks: VecDeque<Admitted<I>>,
    closed: bool,
    admission: Option<Waker>,
    /// One place a worker: set while that worker waits for tasks.
    idle: Vec<Option<Waker>>,
}

/// What a worker found in the intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At least one task.
    Some,
    /// At least one task, and another worker was woken for the rest. The one that took first has to
    /// yield: the runtime runs a task that is woken on a thread on that thread, and no sooner.
    SomeAndOthersToo,
    /// Nothing yet; the worker will be woken.
    Empty,
    /// Nothing, and nothing will come.
    Closed,
}

impl<I> Intake<I> {
    pub(super) fn new(workers: usize) -> Self {
        Self(Lock::new(Queue {
            tasks: VecDeque::new(),
            closed: false,
            admission: None,
            idle: vec![None; workers],
        }))
    }

    /// Moves a batch in; waits while the queue is full. Says whether a worker was woken, to which
    /// the caller has to yield: the runtime may run it on this very thread, and no sooner.
    pub(super) fn poll_offer(&self, batch: &mut Vec<Admitted<I>>, cx: &Context<'_>) -> Poll<bool> {
        let idle = {
            let mut queue = self.0.lock();
            if queue.tasks.len() >= CAPACITY {
                queue.admission = Some(cx.waker().clone());
                return Poll::Pending;
            }
            queue.tasks.extend(batch.drain(..));
            queue.wake_one()
        };
        let woken = idle.is_some();
        if let Some(worker) = idle {
            worker.wake();
        }
        Poll::Ready(woken)
    }

    /// Moves the last batch in, whatever the bound: nothing follows.
    pub(super) fn close(&self, last: Vec<Admitted<I>>) {
        let idle = {
            let mut queue = self.0.lock();
            queue.tasks.extend(last);
            queue.closed = true;
            queue
                .idle
                .iter_mut()
                .filter_map(Option::take)
                .collect::<Vec<_>>()
        };
        idle.into_iter().for_each(Waker::wake);
    }

    /// Moves up to `most` tasks out, and no more than this worker's share of what is there, so that
    /// a short input is spread over all workers.
    pub(super) fn take(
        &self,
        worker: usize,
        most: usize,
        into: &mut VecDeque<Admitted<I>>,
        cx: &Context<'_>,
    ) -> Taken {
        let (admission, idle) = {
            let mut queue = self.0.lock();
            if queue.tasks.is_empty() {
                if queue.closed {
                    return Taken::Closed;
                }
                queue.idle[worker] = Some(cx.waker().clone());
                return Taken::Empty;
            }
            let share = queue.tasks.len().div_ceil(queue.idle.len());
            let count = share.min(most);
            into.extend(queue.tasks.drain(..count));
            let admission = if queue.tasks.len() <= CAPACITY / 2 {
                queue.admission.take()
            } else {
                None
            };
            let idle = if queue.tasks.is_empty() {
                None
            } else {
                queue.wake_one()
            };
            (admission, idle)
        };
        let taken = match idle {
            Some(_) => Taken::SomeAndOthersToo,
            None => Taken::Some,
        };
        for waker in [admission, idle].into_iter().flatten() {
            waker.wake();
        }
        taken
    }
}

impl<I> Queue<I> {
    fn wake_one(&mut self) -> Option<Waker> {
        self.idle.iter_mut().find_map(Option::take)
    }
}

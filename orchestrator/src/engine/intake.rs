//! The bounded queue between admission and the workers: [`Intake`].

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::contain::discard_all;
use super::lock::Lock;
use crate::{Blueprint, TaskError, TaskId};

/// How many admitted tasks wait here at most before admission stops pulling.
const CAPACITY: usize = 8_192;

/// A task that was given its ordinal.
pub(super) struct Admitted<B: Blueprint> {
    pub(super) id: TaskId,
    pub(super) ordinal: u64,
    pub(super) arrival: Arrival<B>,
}

/// How a task enters the run. The rare cases are boxed, so as not to make the usual one larger.
pub(super) enum Arrival<B: Blueprint> {
    /// Before its first step.
    New(B::Input),
    /// With the state that an earlier process recorded.
    Waits(Box<Waits<B::State>>),
    /// With a result: replayed from the journal, or rejected at admission.
    Ended(Box<KnownEnd<B::Output>>),
}

/// A task that an earlier process recorded.
pub(super) struct Waits<S> {
    pub(super) state: S,
    /// The number of the next attempt at its next step, from 1.
    pub(super) attempt: u32,
    /// How long it still has to wait.
    pub(super) left: Duration,
}

/// The result of a task that arrives with one.
pub(super) struct KnownEnd<O> {
    pub(super) outcome: Result<O, TaskError>,
    /// Whether it is from the run before.
    pub(super) replayed: bool,
}

/// The bounded queue between admission and the workers. Both sides move tasks in batches.
pub(super) struct Intake<B: Blueprint>(Lock<Queue<B>>);

struct Queue<B: Blueprint> {
    tasks: VecDeque<Admitted<B>>,
    closed: bool,
    admission: Option<Waker>,
    /// One place a worker: set while that worker sleeps, and would take a task.
    idle: Vec<Option<Waker>>,
}

/// What a worker found in the intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At least one task.
    Some,
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl<B: Blueprint> Intake<B> {
    pub(super) fn new(workers: usize) -> Self {
        Self(Lock::new(Queue {
            tasks: VecDeque::new(),
            closed: false,
            admission: None,
            idle: vec![None; workers],
        }))
    }

    /// Moves a batch in, and wakes as many workers as have a use for it; waits while the queue is
    /// full.
    pub(super) fn poll_offer(&self, batch: &mut Vec<Admitted<B>>, cx: &Context<'_>) -> Poll<()> {
        let woken: Vec<_> = {
            let mut queue = self.0.lock();
            if queue.tasks.len() >= CAPACITY {
                queue.admission = Some(cx.waker().clone());
                return Poll::Pending;
            }
            queue.tasks.extend(batch.drain(..));
            let most = queue.tasks.len();
            queue
                .idle
                .iter_mut()
                .filter_map(Option::take)
                .take(most)
                .collect()
        };
        woken.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    /// Moves the last batch in, whatever the bound: nothing follows.
    pub(super) fn close(&self, last: Vec<Admitted<B>>) {
        let woken: Vec<_> = {
            let mut queue = self.0.lock();
            queue.tasks.extend(last);
            queue.closed = true;
            queue.idle.iter_mut().filter_map(Option::take).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Moves up to `most` tasks out, and no more than one worker's share of what is there, so that a
    /// short input is spread over all workers.
    pub(super) fn take(&self, most: usize, into: &mut VecDeque<Admitted<B>>) -> Taken {
        let admission = {
            let mut queue = self.0.lock();
            if queue.tasks.is_empty() {
                return if queue.closed {
                    Taken::Closed
                } else {
                    Taken::Nothing
                };
            }
            let share = queue.tasks.len().div_ceil(queue.idle.len());
            into.extend(queue.tasks.drain(..share.min(most)));
            if queue.tasks.len() <= CAPACITY / 2 {
                queue.admission.take()
            } else {
                None
            }
        };
        if let Some(admission) = admission {
            admission.wake();
        }
        Taken::Some
    }

    /// Asks that the worker be woken when there is a task, or none will come. Says no if that is so
    /// already.
    pub(super) fn sleep(&self, worker: usize, waker: &Waker) -> bool {
        let mut queue = self.0.lock();
        let idle = queue.tasks.is_empty() && !queue.closed;
        if idle {
            queue.idle[worker] = Some(waker.clone());
        }
        idle
    }

    /// The worker is awake: it is not for it to be woken, and for another to sleep on.
    pub(super) fn awake(&self, worker: usize) {
        self.0.lock().idle[worker] = None;
    }
}

impl<B: Blueprint> Drop for Intake<B> {
    fn drop(&mut self) {
        discard_all(self.0.lock().tasks.drain(..));
    }
}

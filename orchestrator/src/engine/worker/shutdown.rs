//! How a worker ends before its tasks do.

use std::task::Context;

use super::super::contain::{contain_call, discard};
use super::super::drive::Driven;
use super::super::parking::Standing;
use super::Worker;
use crate::{Blueprint, TaskError, TaskResult};

impl<B, F> Worker<'_, B, F>
where
    B: Blueprint,
    F: Future<Output = Driven<B>>,
{
    /// The run is being shut down: no step begins from now on.
    pub(super) fn stop(&mut self, abandoned: bool) {
        self.phase.stop();
        self.seat.release();
        self.parking.all_due();
        self.waiting.close(self.places);
        self.parking.take_over(&mut self.waiting);
        if abandoned || self.slots.executing() == 0 {
            return;
        }
        if self.run.ending.broken().is_some() {
            // What a step still does would not be recorded.
            self.abort();
            return;
        }
        // A runtime without a timer has no grace time to give: making one panics there.
        let grace = contain_call(|| Box::pin(tokio::time::sleep(self.run.grace)));
        match grace {
            Ok(grace) if !self.run.grace.is_zero() => self.grace = Some(grace),
            _ => self.abort(),
        }
    }

    pub(super) fn poll_grace(&mut self, cx: &mut Context<'_>) {
        let over = self
            .grace
            .as_mut()
            .is_some_and(|grace| grace.as_mut().poll(cx).is_ready());
        if over {
            self.grace = None;
            self.abort();
        }
    }

    /// Ends executing steps, each through its own future: so every task gives its result.
    pub(super) fn abort(&mut self) {
        self.phase.abort();
        self.slots.wake_all();
    }

    /// Gives a task that no step will be begun for its result.
    pub(super) fn cancel(&mut self, task: Standing<B::State>) {
        let step = B::STEPS[task.step as usize].name();
        let error = TaskError::new(step, task.attempt - 1, self.stopped());
        self.deliver(TaskResult::new(task.id, task.ordinal, Err(error)));
        discard(task.state);
    }
}

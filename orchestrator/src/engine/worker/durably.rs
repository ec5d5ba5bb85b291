//! What a worker does beside, where the run is recorded.

use std::borrow::Cow;
use std::task::Context;

use super::super::contain::discard;
use super::super::drive::{CameTo, Driven};
use super::super::intake::{Arrival, KnownEnd, Waits};
use super::super::ledger::{Ledger, Settled};
use super::super::parking::Standing;
use super::super::turn::Turn;
use super::Worker;
use super::next::standing;
use crate::{Blueprint, StepFailure, TaskError, TaskId, TaskResult};

impl<B, F> Worker<'_, B, F>
where
    B: Blueprint,
    F: Future<Output = Driven<B>>,
{
    /// Delivers the results of tasks that are to have the same.
    #[inline(never)]
    pub(super) fn deliver_others(&mut self, result: &TaskResult<B::Output>) {
        if let Some(recorder) = &self.run.recorder {
            self.results.extend(recorder.settled(result));
        }
    }

    /// Notes where a task came to. It keeps its permit until that is committed.
    #[inline(never)]
    pub(super) fn note(&mut self, came_to: CameTo<B>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        match ledger.note(came_to, self.phase.is_running()) {
            Ok(None) => {}
            Ok(Some(came_to)) => self.go_on(came_to),
            Err((error, came_to)) => {
                self.run.ending.break_down(error);
                self.give_up(came_to);
            }
        }
    }

    /// Hands over what was noted in this round.
    pub(super) fn turn_page(&mut self, cx: &Context<'_>) {
        if let Some(ledger) = &mut self.ledger {
            ledger.turn_page(cx.waker());
        }
    }

    /// Goes on with the tasks that are committed.
    #[inline]
    pub(super) fn settle(&mut self, turn: &mut Turn) {
        if self.ledger.is_some() {
            self.settle_all(turn);
        }
    }

    #[inline(never)]
    fn settle_all(&mut self, turn: &mut Turn) {
        let Some(committed) = self.ledger.as_ref().map(Ledger::committed) else {
            return;
        };
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                self.run.ending.break_down(error);
                while let Some(came_to) = self.ledger.as_mut().and_then(Ledger::give_up) {
                    self.give_up(came_to);
                    turn.count();
                }
                return;
            }
        };
        while let Some(settled) = self.ledger.as_mut().and_then(|it| it.settle(committed)) {
            match settled {
                Settled::From(came_to) => self.go_on(came_to),
                Settled::Later => self.seat.put_back(),
            }
            turn.count();
        }
    }

    /// Whether something was committed that the worker has not gone on with.
    pub(super) fn has_settled(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| {
            let committed = ledger.committed();
            committed.map_or(true, |committed| ledger.has_settled(committed))
        })
    }

    /// How many tasks wait for a commit.
    pub(super) fn uncommitted(&self) -> usize {
        self.ledger.as_ref().map_or(0, Ledger::open)
    }

    fn go_on(&mut self, came_to: CameTo<B>) {
        self.seat.put_back();
        self.come_to(came_to);
    }

    /// Gives a task its result whose state will never be on disk: the run is over, and as far as is
    /// known the task is where it was.
    fn give_up(&mut self, came_to: CameTo<B>) {
        self.seat.put_back();
        let CameTo::Ended(TaskResult {
            id,
            ordinal,
            outcome,
            ..
        }) = came_to
        else {
            return self.come_to(came_to);
        };
        let (step, attempts) = match &outcome {
            Ok(_) => (Cow::Borrowed(B::STEPS[B::STEPS.len() - 1].name()), 1),
            Err(error) => (error.step().to_owned().into(), error.attempts()),
        };
        let error = TaskError::new(step, attempts, self.stopped());
        discard(outcome);
        self.deliver(TaskResult::new(id, ordinal, Err(error)));
    }

    /// Why tasks are cancelled.
    pub(super) fn stopped(&self) -> StepFailure {
        match self.run.ending.broken() {
            Some(error) => StepFailure::stopped(error.reason()),
            None => StepFailure::cancelled(),
        }
    }

    /// Takes in a task from before. Gives it if it is in line now.
    #[inline(never)]
    pub(super) fn resume(
        &mut self,
        id: TaskId,
        ordinal: u64,
        arrival: Arrival<B>,
    ) -> Option<Standing<B::State>> {
        match arrival {
            Arrival::New(input) => Some(standing::<B>(id, ordinal, B::start(input))),
            Arrival::Waits(waits) => {
                let Waits {
                    state,
                    attempt,
                    left,
                } = *waits;
                let mut task = standing::<B>(id, ordinal, state);
                task.attempt = attempt;
                if left.is_zero() || !self.phase.is_running() {
                    return Some(task);
                }
                self.parking.park(task, left);
                None
            }
            Arrival::Ended(ended) => {
                let KnownEnd { outcome, replayed } = *ended;
                let mut result = TaskResult::new(id, ordinal, outcome);
                result.replayed = replayed;
                self.deliver(result);
                None
            }
        }
    }
}

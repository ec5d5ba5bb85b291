//! Which task a worker begins next.

use super::super::drive::Driven;
use super::super::intake::{Admitted, Arrival, Taken};
use super::super::parking::Standing;
use super::Worker;
use crate::{Blueprint, TaskId};

impl<B, F> Worker<'_, B, F>
where
    B: Blueprint,
    F: Future<Output = Driven<B>>,
{
    pub(super) fn has_task(&mut self) -> bool {
        if !self.ready.is_empty() || self.parking.has_due() || !self.admitted.is_empty() {
            return true;
        }
        if !self.waiting.is_empty() {
            self.waiting.collect(self.places);
            if self.waiting.has_let_in() {
                return true;
            }
        }
        if self.input_ended {
            return false;
        }
        self.pace.next();
        let taken = self
            .run
            .intake
            .take(self.pace.portion(), &mut self.admitted);
        self.input_ended = taken == Taken::Closed;
        taken == Taken::Some
    }

    /// A task whose time has come; then in turn one whose pause was zero and a new one.
    pub(super) fn next_task(&mut self) -> Option<Standing<B::State>> {
        if let Some(task) = self.parking.pop_due() {
            return Some(task);
        }
        self.new_is_next = !self.new_is_next;
        if self.new_is_next {
            self.next_new().or_else(|| self.ready.pop_front())
        } else {
            self.ready.pop_front().or_else(|| self.next_new())
        }
    }

    pub(super) fn next_new(&mut self) -> Option<Standing<B::State>> {
        if self.admitted.is_empty() && !self.input_ended && !self.ready.is_empty() {
            // Nothing else asks the intake as long as there is something to do.
            let taken = self.run.intake.take(1, &mut self.admitted);
            self.input_ended = taken == Taken::Closed;
        }
        loop {
            let Admitted {
                id,
                ordinal,
                arrival,
            } = self.admitted.pop_front()?;
            if let Arrival::New(input) = arrival {
                return Some(standing::<B>(id, ordinal, B::start(input)));
            }
            if let Some(task) = self.resume(id, ordinal, arrival) {
                return Some(task);
            }
        }
    }

    /// A task that its step lets in. The next one is kept if it is not let in: then there may be
    /// another.
    #[inline]
    pub(super) fn next_let_in(&mut self) -> Option<Standing<B::State>> {
        if self.places.any() {
            self.next_through_gate()
        } else {
            self.next_task()
        }
    }

    #[inline(never)]
    fn next_through_gate(&mut self) -> Option<Standing<B::State>> {
        if let Some(task) = self.next_that_waited() {
            return Some(task);
        }
        let mut task = self.next_task()?;
        let step = B::position(&task.state);
        if self.places.enter(step) {
            return Some(task);
        }
        task.step = u32::try_from(step).unwrap_or(u32::MAX);
        self.waiting.push(task);
        None
    }

    /// A task that waited at a gate and was let in: they and those whose time has come take turns.
    fn next_that_waited(&mut self) -> Option<Standing<B::State>> {
        if self.waiting.is_empty() {
            return None;
        }
        self.waiting.collect(self.places);
        self.due_is_next = !self.due_is_next;
        if self.due_is_next && self.parking.has_due() {
            return None;
        }
        self.waiting.pop(self.places)
    }
}

/// A task at this state, with no attempt at its step so far.
pub(super) fn standing<B: Blueprint>(
    id: TaskId,
    ordinal: u64,
    state: B::State,
) -> Standing<B::State> {
    let step = u32::try_from(B::position(&state)).unwrap_or(u32::MAX);
    Standing {
        state,
        id,
        ordinal,
        attempt: 1,
        step,
    }
}

//! One task's way from where it stands to where it waits or ends: [`drive`].

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::contain::{contain_call, message, poll_contained};
use super::outlet::Panic;
use super::parking::Standing;
use super::run::Phase;
use crate::context::RunContext;
use crate::{Advance, Blueprint, StepContext, StepFailure, TaskError, TaskResult};

/// Where a task came to when it gave up its slot.
pub(super) enum Turn<B: Blueprint> {
    /// It is through, or has failed.
    Ended(TaskResult<B::Output>),
    /// It waits: in a delay, or before its next attempt.
    Waits(Standing<B::State>, Duration),
}

/// Why a step gave no outcome of its own.
enum Stopped {
    Panicked(Panic),
    Aborted,
}

/// Runs the steps of a task, one after the other, until it has to wait or ends.
///
/// A task keeps its slot and its permit from step to step; what a worker is told is only where the
/// task came to.
pub(super) async fn drive<B: Blueprint>(
    blueprint: &B,
    task: Standing<B::State>,
    phase: &Phase,
    run: Arc<RunContext>,
) -> Turn<B> {
    let Standing {
        mut state,
        id,
        ordinal,
        mut attempt,
        ..
    } = task;
    let mut cx = StepContext::new(run, id, ordinal, attempt);
    let error = loop {
        let position = B::position(&state);
        let step = B::STEPS[position].name();
        cx.enter(position, attempt);
        let standing = |state, attempt| Standing {
            state,
            id,
            ordinal,
            attempt,
            step: u32::try_from(position).unwrap_or(u32::MAX),
        };
        match run_step(blueprint.advance(state, &cx), phase).await {
            Ok(Advance::Next(next)) if phase.is_running() => {
                state = next;
                attempt = 1;
            }
            Ok(Advance::Next(next)) => {
                let step = B::STEPS[B::position(&next)].name();
                break TaskError::new(step, 0, StepFailure::cancelled());
            }
            Ok(Advance::Done(output)) => {
                return Turn::Ended(TaskResult::new(id, ordinal, Ok(output)));
            }
            Ok(Advance::Park { state, pause }) => return Turn::Waits(standing(state, 1), pause),
            Ok(Advance::Failed {
                again: Some((state, pause)),
                ..
            }) => return Turn::Waits(standing(state, attempt.saturating_add(1)), pause),
            Ok(Advance::Failed {
                failure,
                again: None,
            }) => break TaskError::new(step, attempt, failure),
            Err(Stopped::Panicked(panic)) => {
                let failure = StepFailure::panicked(message(&panic));
                break TaskError::new(step, attempt, failure);
            }
            Err(Stopped::Aborted) => {
                break TaskError::new(step, attempt, StepFailure::cancelled());
            }
        }
    };
    Turn::Ended(TaskResult::new(id, ordinal, Err(error)))
}

/// Runs one step: contains its panic, and drops it when the run's grace time is over.
async fn run_step<F: Future>(step: F, phase: &Phase) -> Result<F::Output, Stopped> {
    let mut step = pin!(Some(step));
    let outcome = std::future::poll_fn(|cx| {
        if phase.is_aborted() {
            return Poll::Ready(Err(Stopped::Aborted));
        }
        match step.as_mut().as_pin_mut() {
            Some(step) => poll_contained(step, cx).map_err(Stopped::Panicked),
            None => Poll::Pending,
        }
    })
    .await;
    // What the step's own values do when they are dropped is the step's doing too.
    match contain_call(|| step.set(None)) {
        Ok(()) => outcome,
        Err(panic) => outcome.and(Err(Stopped::Panicked(panic))),
    }
}

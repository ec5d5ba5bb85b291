//! One task's way from where it stands to where it waits or ends: [`drive`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
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
pub(super) fn drive<'run, B: Blueprint>(
    blueprint: &'run B,
    task: Standing<B::State>,
    phase: &'run Phase,
    run: Arc<RunContext>,
) -> impl Future<Output = Turn<B>> + use<'run, B> {
    // Every task is moved into its slot, so what is kept across a step is kept once: in `cx`.
    let mut cx = StepContext::new(run, task.id, task.ordinal, task.attempt);
    let mut state = task.state;
    async move {
        let error = loop {
            cx.enter(B::position(&state));
            let outcome = {
                let mut step = pin!(Some(blueprint.advance(state, &cx)));
                let outcome = poll_fn(|cx| poll_step(step.as_mut(), phase, cx)).await;
                // What the step's own values do when they are dropped is the step's doing too.
                match contain_call(|| step.set(None)) {
                    Ok(()) => outcome,
                    Err(panic) => outcome.and(Err(Stopped::Panicked(panic))),
                }
            };
            match outcome {
                Ok(Advance::Next(next)) if phase.is_running() => {
                    state = next;
                    cx.begin();
                }
                Ok(Advance::Next(next)) => {
                    cx.enter(B::position(&next));
                    break TaskError::new(cx.step(), 0, StepFailure::cancelled());
                }
                Ok(Advance::Done(output)) => {
                    return Turn::Ended(TaskResult::new(cx.task_id(), cx.ordinal(), Ok(output)));
                }
                Ok(Advance::Park { state, pause }) => {
                    return Turn::Waits(Standing::at(&cx, state, 1), pause);
                }
                Ok(Advance::Failed {
                    again: Some((state, pause)),
                    ..
                }) => {
                    let attempt = cx.attempt().saturating_add(1);
                    return Turn::Waits(Standing::at(&cx, state, attempt), pause);
                }
                Ok(Advance::Failed {
                    failure,
                    again: None,
                }) => break TaskError::new(cx.step(), cx.attempt(), failure),
                Err(Stopped::Panicked(panic)) => {
                    let failure = StepFailure::panicked(message(&panic));
                    break TaskError::new(cx.step(), cx.attempt(), failure);
                }
                Err(Stopped::Aborted) => {
                    break TaskError::new(cx.step(), cx.attempt(), StepFailure::cancelled());
                }
            }
        };
        Turn::Ended(TaskResult::new(cx.task_id(), cx.ordinal(), Err(error)))
    }
}

/// Polls one step: contains its panic, and ends it when the run's grace time is over.
fn poll_step<F: Future>(
    step: Pin<&mut Option<F>>,
    phase: &Phase,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Stopped>> {
    if phase.is_aborted() {
        return Poll::Ready(Err(Stopped::Aborted));
    }
    match step.as_pin_mut() {
        Some(step) => poll_contained(|| step.poll(cx)).map_err(Stopped::Panicked),
        None => Poll::Pending,
    }
}

impl<S> Standing<S> {
    fn at(cx: &StepContext, state: S, attempt: u32) -> Self {
        Self {
            state,
            id: cx.task_id(),
            ordinal: cx.ordinal(),
            attempt,
            step: cx.position(),
        }
    }
}

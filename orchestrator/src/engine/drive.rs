//! One task's way from where it stands to where it waits or ends: [`drive`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::contain::{Panic, contain_call, discard, message, poll_contained};
use super::parking::Standing;
use super::places::Places;
use super::run::Phase;
use crate::context::RunContext;
use crate::{Advance, Blueprint, StepContext, StepFailure, TaskError, TaskResult};

/// How many steps a task goes in a row before others get their turn: a pipeline that a person wrote is
/// shorter, one that never ends is not to take its worker along.
pub(super) const STEPS: u32 = 128;

/// Where a task came to when it gave up its slot.
pub(super) enum CameTo<B: Blueprint> {
    /// It is through, or has failed.
    Ended(TaskResult<B::Output>),
    /// It waits: in a delay, or before its next attempt.
    Waits(Standing<B::State>, Duration),
    /// It was not let into its next step.
    AtGate(Standing<B::State>),
}

/// What a worker and the tasks that it drives both look at.
pub(super) struct Common {
    pub(super) phase: Phase,
    pub(super) places: Places,
    /// How many steps a task goes in a row.
    pub(super) steps: u32,
}

/// Where a task came to, and what it was lent for the way.
pub(super) struct Driven<B: Blueprint> {
    pub(super) came_to: CameTo<B>,
    pub(super) run: Arc<RunContext>,
}

/// Why a step gave no outcome of its own.
enum Stopped {
    Panicked(Panic),
    Aborted,
}

/// Runs the steps of a task, one after the other, until it has to wait or ends. Into the first one
/// it was let already.
///
/// A task keeps its slot and its permit from step to step; what a worker is told is only where the
/// task came to.
pub(super) fn drive<'run, B: Blueprint>(
    blueprint: &'run B,
    task: Standing<B::State>,
    common: &'run Common,
    run: Arc<RunContext>,
) -> impl Future<Output = Driven<B>> + use<'run, B> {
    // Every task is moved into its slot, so what is kept across a step is kept once: in `cx`.
    let mut cx = StepContext::new(run, task.id, task.ordinal, task.attempt);
    let mut state = task.state;
    async move {
        let mut steps = 1_u32;
        cx.enter(B::position(&state));
        let came_to = loop {
            let outcome = {
                let mut step = pin!(None);
                let called = contain_call(|| step.set(Some(blueprint.advance(state, &cx))));
                let outcome = match called {
                    Ok(()) => poll_fn(|cx| poll_step(step.as_mut(), &common.phase, cx)).await,
                    Err(panic) => Err(Stopped::Panicked(panic)),
                };
                // What the step's own values do when they are dropped is the step's doing too.
                match contain_call(|| step.set(None)) {
                    Ok(()) => outcome,
                    Err(panic) => {
                        discard(outcome);
                        Err(Stopped::Panicked(panic))
                    }
                }
            };
            let gated = common.places.any();
            let woke = gated && common.places.leave(cx.position() as usize);
            match outcome {
                Ok(Advance::Next(next))
                    if common.phase.is_running() && steps < common.steps && !woke =>
                {
                    let position = B::position(&next);
                    cx.enter(position);
                    if gated && !common.places.enter(position) {
                        break CameTo::AtGate(Standing::at(&cx, next, 1));
                    }
                    steps += 1;
                    state = next;
                    cx.begin();
                }
                Ok(Advance::Next(next)) => {
                    cx.enter(B::position(&next));
                    break CameTo::Waits(Standing::at(&cx, next, 1), Duration::ZERO);
                }
                Ok(Advance::Done(output)) => break ended(&cx, Ok(output)),
                Ok(Advance::Park { state, pause }) => {
                    break CameTo::Waits(Standing::at(&cx, state, 1), pause);
                }
                Ok(Advance::Failed {
                    again: Some((state, pause)),
                    failure,
                }) => {
                    discard(failure);
                    let attempt = cx.attempt().saturating_add(1);
                    break CameTo::Waits(Standing::at(&cx, state, attempt), pause);
                }
                Ok(Advance::Failed {
                    failure,
                    again: None,
                }) => break failed(&cx, failure),
                Err(Stopped::Panicked(panic)) => {
                    let failure = StepFailure::panicked(message(&panic));
                    discard(panic);
                    break failed(&cx, failure);
                }
                Err(Stopped::Aborted) => break failed(&cx, StepFailure::cancelled()),
            }
        };
        Driven {
            came_to,
            run: cx.into_run(),
        }
    }
}

fn ended<B: Blueprint>(cx: &StepContext, outcome: Result<B::Output, TaskError>) -> CameTo<B> {
    CameTo::Ended(TaskResult::new(cx.task_id(), cx.ordinal(), outcome))
}

fn failed<B: Blueprint>(cx: &StepContext, failure: StepFailure) -> CameTo<B> {
    #[cfg(feature = "restate")]
    if failure.is_of_the_run() {
        cx.break_down(anyhow::Error::msg(failure.cause()));
    }
    ended(cx, Err(TaskError::new(cx.step(), cx.attempt(), failure)))
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
        None => unreachable!("a step is taken out only after its last poll"),
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

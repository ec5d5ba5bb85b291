//! A task's way through its steps, over an engine that records what each came to: [`Walk`].

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::places::Places;
use super::wire::{CameTo, Failed, Kind, Record, State, Submission, fingerprint, raw};
use crate::context::RunContext;
use crate::engine::{contain, contained, message};
use crate::{Advance, Blueprint, Durable, StepContext, StepFailure, StepKind, TaskId, fnv};

/// What an engine offers to a task: it remembers what was done for it, in order.
///
/// A task that is gone on with asks for the same things in the same order, and is given what they came to
/// before, up to where it was.
pub(crate) trait History: Sync {
    /// What the attempt came to: as it was recorded under this name, or else by making it and recording it.
    /// An attempt that can't be made here (the error) is made again later, elsewhere perhaps.
    fn record(
        &self,
        name: String,
        attempt: impl Future<Output = anyhow::Result<Record>> + Send,
    ) -> impl Future<Output = Result<Record, Interrupted>> + Send;

    /// Waits for so long from when it was first asked.
    fn sleep(&self, pause: Duration) -> impl Future<Output = Result<(), Interrupted>> + Send;

    /// Ready when the engine has something to say to the task, which it does at the next thing that it is asked
    /// for: an attempt that waits is not to wait for longer.
    fn called(&self) -> impl Future<Output = ()> + Send;
}

/// The engine ends the task.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// Somebody cancelled it.
    Cancelled,
    /// It can't be gone on with, for this reason.
    Broken(String),
}

/// How a task ended.
#[derive(Debug)]
pub(crate) enum End {
    Completed(Box<RawValue>),
    Failed(Failed),
}

/// What the tasks of a blueprint share on their way.
pub(crate) struct Walk<B> {
    pub(crate) blueprint: B,
    /// The fingerprint of its steps.
    pub(crate) pipeline: String,
    pub(crate) places: Places,
    /// How long a step may take. What takes longer may be given up by the engine.
    pub(crate) longest: Duration,
    /// Cancelled when this process is about to end: no step begins then.
    pub(crate) cancelled: CancellationToken,
    /// How many steps execute in this process.
    pub(crate) executing: Arc<AtomicUsize>,
}

impl<B: Durable> Walk<B> {
    /// Takes a task from its input to its end.
    ///
    /// # Errors
    ///
    /// If it began with other steps than the blueprint has: it can be gone on with by a process that has
    /// those.
    pub(crate) async fn walk(
        &self,
        task: Submission,
        history: &impl History,
    ) -> anyhow::Result<End> {
        let run = Arc::new(RunContext {
            id: task.run.into(),
            steps: B::STEPS,
            cancelled: self.cancelled.clone(),
            breaker: None,
        });
        let cx =
            |attempt| StepContext::new(Arc::clone(&run), TaskId(task.id), task.ordinal, attempt);
        let mut way = Way {
            identity: fingerprint(task.id, &task.input),
            stands: State {
                step: B::STEPS[0].name().to_owned(),
                value: task.input,
            },
            attempt: 1,
            is_new: true,
        };
        loop {
            let begun = AtomicBool::new(false);
            let attempt = self.attempt(&way, cx(way.attempt), history, &begun);
            let came_to = match history.record(way.name(), attempt).await {
                Ok(record) => self.read(record)?,
                Err(interrupted) => {
                    let attempts = way.attempt - u32::from(!begun.load(Ordering::Relaxed));
                    return Ok(way.interrupted(attempts, interrupted));
                }
            };
            way.is_new = false;
            let (pause, next) = match came_to {
                CameTo::Waits => continue,
                CameTo::Next(next) => (0, Some(next)),
                CameTo::Wait { ms, next } => (ms, Some(next)),
                CameTo::Again { ms, .. } => (ms, None),
                CameTo::Done(output) => return Ok(End::Completed(output)),
                CameTo::Failed { kind, message } => {
                    let attempts = way.attempt;
                    return Ok(way.failed(attempts, kind, message));
                }
                CameTo::Unread { message } => return Ok(way.failed(0, Kind::Failed, message)),
            };
            if pause > 0
                && let Err(interrupted) = history.sleep(Duration::from_millis(pause)).await
            {
                // A delay has no attempts.
                let attempts = if next.is_some() { 0 } else { way.attempt };
                return Ok(way.interrupted(attempts, interrupted));
            }
            match next {
                Some(next) => (way.stands, way.attempt) = (next, 1),
                None => way.attempt = way.attempt.saturating_add(1),
            }
        }
    }

    fn read(&self, record: Record) -> anyhow::Result<CameTo> {
        anyhow::ensure!(
            record.pipeline == self.pipeline,
            "`{}` was changed while this task is under way: its steps were of the pipeline {}, and those of this worker are {} ({}). Serve the new code under a URL of its own, and the old one until its tasks are through",
            B::NAME,
            record.pipeline,
            self.pipeline,
            steps::<B>(),
        );
        Ok(record.came_to)
    }

    /// One attempt at the step that a task stands at.
    ///
    /// # Errors
    ///
    /// If it can't be made here.
    async fn attempt(
        &self,
        way: &Way,
        cx: StepContext,
        history: &impl History,
        begun: &AtomicBool,
    ) -> anyhow::Result<Record> {
        let State { step, value } = &way.stands;
        let came_to = match contained(|| B::decode(step, value.get())) {
            Ok(state) => self.advance(state, cx, history, begun).await,
            // Nothing was done for it yet, and who sent it is there to be told.
            Err(error) if way.is_new => CameTo::Unread {
                message: format!("the input is none that this worker can read: {error:#}"),
            },
            Err(error) => {
                return Err(error.context(format!(
                    "a task stands at `{step}` of `{}` with a value that this worker can't read: serve the code that it was begun with until its tasks are through",
                    B::NAME
                )));
            }
        };
        Ok(Record {
            pipeline: self.pipeline.clone(),
            came_to,
        })
    }

    async fn advance(
        &self,
        state: B::State,
        mut cx: StepContext,
        history: &impl History,
        begun: &AtomicBool,
    ) -> CameTo {
        let position = B::position(&state);
        cx.enter(position);
        let place = tokio::select! {
            biased;
            place = self.places.enter(position) => place,
            () = history.called() => return CameTo::Waits,
        };
        if self.cancelled.is_cancelled() {
            // The engine has it begin elsewhere, as soon as it sees that this process is gone.
            std::future::pending::<()>().await;
        }
        begun.store(true, Ordering::Relaxed);
        let mut executing = Executing::begin(self, &cx);
        let advanced = contain(async { self.blueprint.advance(state, &cx).await }).await;
        executing.is_through = true;
        drop((place, executing));
        if self.cancelled.is_cancelled() && matches!(advanced, Ok(Advance::Failed { .. })) {
            // It may have heeded that this process is about to end: it is made again elsewhere.
            std::future::pending::<()>().await;
        }
        let came_to = match advanced {
            Ok(Advance::Next(state)) => written::<B>(&state).map(CameTo::Next),
            Ok(Advance::Park { state, pause }) => {
                let ms = millis(pause);
                written::<B>(&state).map(|next| CameTo::Wait { ms, next })
            }
            Ok(Advance::Done(output)) => contained(|| B::encode_output(&output))
                .and_then(|json| Ok(CameTo::Done(raw(json)?))),
            Ok(Advance::Failed {
                failure,
                again: Some((_, pause)),
            }) => Ok(CameTo::Again {
                ms: millis(pause),
                because: failure.cause(),
            }),
            Ok(Advance::Failed {
                failure,
                again: None,
            }) => Ok(failed(&failure)),
            Err(panic) => Ok(failed(&StepFailure::panicked(message(&panic)))),
        };
        // What can't be written down now can't be elsewhere, and the step is not to run again for it.
        came_to.unwrap_or_else(|error| failed(&StepFailure::failed(error)))
    }
}

/// How far a task has come.
struct Way {
    /// What it is told by from others.
    identity: String,
    stands: State,
    /// The one that is next, at the step that it stands at.
    attempt: u32,
    /// Whether nothing is recorded of it.
    is_new: bool,
}

impl Way {
    /// What the next attempt is recorded under.
    fn name(&self) -> String {
        match self.attempt {
            1 => self.stands.step.clone(),
            attempt => format!("{} (attempt {attempt})", self.stands.step),
        }
    }

    fn failed(self, attempts: u32, kind: Kind, message: String) -> End {
        End::Failed(Failed {
            task: self.identity,
            step: self.stands.step,
            attempts,
            kind,
            message,
        })
    }

    fn interrupted(self, attempts: u32, interrupted: Interrupted) -> End {
        match interrupted {
            Interrupted::Cancelled => {
                self.failed(attempts, Kind::Cancelled, "cancelled".to_owned())
            }
            Interrupted::Broken(why) => self.failed(attempts, Kind::Failed, why),
        }
    }
}

/// A step that executes; not any more when it is dropped.
struct Executing<'a, B: Durable> {
    walk: &'a Walk<B>,
    cx: &'a StepContext,
    since: Instant,
    is_through: bool,
}

impl<'a, B: Durable> Executing<'a, B> {
    fn begin(walk: &'a Walk<B>, cx: &'a StepContext) -> Self {
        walk.executing.fetch_add(1, Ordering::Relaxed);
        Self {
            walk,
            cx,
            since: Instant::now(),
            is_through: false,
        }
    }
}

impl<B: Durable> Drop for Executing<'_, B> {
    fn drop(&mut self) {
        self.walk.executing.fetch_sub(1, Ordering::Relaxed);
        let longest = self.walk.longest;
        if !self.is_through && self.since.elapsed() > longest {
            tracing::warn!(
                "`{}` of `{}` ({}/{}) took longer than the longest step of this worker, {longest:?}: it was given up, and runs again",
                self.cx.step(),
                B::NAME,
                self.cx.run_id(),
                self.cx.ordinal(),
            );
        }
    }
}

fn written<B: Durable>(state: &B::State) -> anyhow::Result<State> {
    let (step, json) = contained(|| B::encode(state))?;
    Ok(State {
        step: step.to_owned(),
        value: raw(json)?,
    })
}

fn failed(failure: &StepFailure) -> CameTo {
    CameTo::Failed {
        kind: failure.kind().into(),
        message: failure.cause(),
    }
}

/// In milliseconds that have begun: a delay is never shortened.
fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A fingerprint of a blueprint's steps: their names, kinds and order.
pub(crate) fn pipeline<B: Blueprint>() -> String {
    format!("{:016x}", fnv::hash(&steps::<B>()))
}

/// The steps of a blueprint, for people.
fn steps<B: Blueprint>() -> String {
    let mut steps = String::new();
    for step in B::STEPS {
        let kind = match step.kind() {
            StepKind::Step => "",
            StepKind::Delay => "delay ",
        };
        let gap = if steps.is_empty() { "" } else { ", " };
        // Writing to a text can't fail.
        let _ = write!(steps, "{gap}{kind}{}", step.name());
    }
    steps
}

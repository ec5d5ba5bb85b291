//! A task's way through its steps, over an engine that records what each came to: [`Walk`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::executing::Executing;
use super::fingerprint::fingerprint;
use super::pipeline::steps;
use super::places::Places;
use super::progress::{End, Progress};
use super::wire::{CameTo, Kind, Record, State, Submission, raw};
use crate::context::RunContext;
use crate::engine::{contain, contained, message};
use crate::{Advance, Durable, StepContext, StepFailure, TaskId};

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
    /// Somebody cancelled it. What it asks for then, it is given.
    Cancelled,
    /// It can't be gone on with, for this reason.
    Broken(String),
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
        let mut progress = Progress {
            identity: fingerprint(task.id, &task.input),
            stands: State {
                step: B::STEPS[0].name().to_owned(),
                value: task.input,
            },
            attempt: 1,
            is_new: true,
        };
        loop {
            let waits = AtomicBool::new(false);
            let attempt = self.attempt(&progress, cx(progress.attempt), history, &waits);
            let came_to = match history.record(progress.name(), attempt).await {
                Ok(record) => self.read(record)?,
                Err(Interrupted::Broken(message)) => CameTo::Failed {
                    kind: Kind::Failed,
                    message,
                },
                Err(Interrupted::Cancelled) => self.cancelled(!waits.into_inner(), history).await?,
            };
            let (pause, next) = match came_to {
                CameTo::Waits => continue,
                CameTo::Cancelled { begun } => {
                    let attempts = progress.attempt - u32::from(!begun);
                    return Ok(progress.cancelled(attempts));
                }
                CameTo::Next(next) => (0, Some(next)),
                CameTo::Wait { ms, next } => (ms, Some(next)),
                CameTo::Again { ms, .. } => (ms, None),
                CameTo::Done(output) => return Ok(progress.completed(output)),
                CameTo::Failed { kind, message } => {
                    let attempts = progress.attempt;
                    return Ok(progress.failed(attempts, kind, message));
                }
                CameTo::Unread { message } => return Ok(progress.failed(0, Kind::Failed, message)),
            };
            progress.is_new = false;
            if pause > 0
                && let Err(interrupted) = history.sleep(Duration::from_millis(pause)).await
            {
                // A delay has no attempts.
                let attempts = if next.is_some() { 0 } else { progress.attempt };
                return Ok(match interrupted {
                    Interrupted::Cancelled => progress.cancelled(attempts),
                    Interrupted::Broken(why) => progress.failed(attempts, Kind::Failed, why),
                });
            }
            match next {
                Some(next) => (progress.stands, progress.attempt) = (next, 1),
                None => progress.attempt = progress.attempt.saturating_add(1),
            }
        }
    }

    /// What a task comes to that was cancelled at an attempt. It is to be the same in each process that brings
    /// the task to its end, where the attempt is not made: so it is recorded. An attempt that may have begun, in
    /// another process, counts.
    async fn cancelled(&self, begun: bool, history: &impl History) -> anyhow::Result<CameTo> {
        let record = self.record(CameTo::Cancelled { begun });
        let recorded = history.record("cancelled".to_owned(), async { Ok(record) });
        match recorded.await {
            Ok(record) => self.read(record),
            // It was cancelled again, which tells nothing.
            Err(_) => Ok(CameTo::Cancelled { begun: true }),
        }
    }

    fn record(&self, came_to: CameTo) -> Record {
        Record {
            pipeline: self.pipeline.clone(),
            came_to,
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
        progress: &Progress,
        cx: StepContext,
        history: &impl History,
        waits: &AtomicBool,
    ) -> anyhow::Result<Record> {
        let State { step, value } = &progress.stands;
        let came_to = match contained(|| B::decode(step, value.get())) {
            Ok(state) => self.advance(state, cx, history, waits).await,
            // Nothing is recorded of it, and who sent it is there to be told.
            Err(error) if progress.is_new => CameTo::Unread {
                message: shortened(format!(
                    "the input is none that this worker can read: {error:#}"
                )),
            },
            Err(error) => {
                return Err(error.context(format!(
                    "a task stands at `{step}` of `{}` with a value that this worker can't read: serve the code that it was begun with until its tasks are through",
                    B::NAME
                )));
            }
        };
        Ok(self.record(came_to))
    }

    async fn advance(
        &self,
        state: B::State,
        mut cx: StepContext,
        history: &impl History,
        waits: &AtomicBool,
    ) -> CameTo {
        let position = B::position(&state);
        cx.enter(position);
        waits.store(true, Ordering::Relaxed);
        let place = tokio::select! {
            biased;
            place = self.places.enter(position) => place,
            () = history.called() => return CameTo::Waits,
        };
        if self.cancelled.is_cancelled() {
            // The engine has it begin elsewhere, as soon as it sees that this process is gone.
            std::future::pending::<()>().await;
        }
        waits.store(false, Ordering::Relaxed);
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
            Ok(Advance::Done(output)) => output_written::<B>(&output).map(CameTo::Done),
            Ok(Advance::Failed {
                failure,
                again: Some((_, pause)),
            }) => Ok(CameTo::Again {
                ms: millis(pause),
                because: shortened(failure.cause()),
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

fn written<B: Durable>(state: &B::State) -> anyhow::Result<State> {
    let (step, json) = contained(|| B::encode(state))?;
    // A float that is no number, say: nobody could go on from there.
    contained(|| B::decode(step, &json).map(drop)).context(UNREADABLE)?;
    Ok(State {
        step: step.to_owned(),
        value: raw(json)?,
    })
}

fn output_written<B: Durable>(output: &B::Output) -> anyhow::Result<Box<RawValue>> {
    let json = contained(|| B::encode_output(output))?;
    contained(|| B::decode_output(&json).map(drop)).context(UNREADABLE)?;
    raw(json)
}

const UNREADABLE: &str = "what the step gave can't be read back from JSON";

fn failed(failure: &StepFailure) -> CameTo {
    CameTo::Failed {
        kind: failure.kind().into(),
        message: shortened(failure.cause()),
    }
}

/// A message that a server takes, however often it is written into another as JSON.
pub(crate) fn shortened(mut message: String) -> String {
    const LONGEST: usize = 64 << 10;
    if message.len() > LONGEST {
        let all = format!("... ({} bytes)", message.len());
        let end = (0..=LONGEST).rev().find(|&at| message.is_char_boundary(at));
        message.truncate(end.unwrap_or_default());
        message.push_str(&all);
    }
    message
}

/// In milliseconds that have begun: a delay is never shortened.
fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

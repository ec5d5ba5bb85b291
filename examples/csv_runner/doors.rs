//! The run: tasks go in through a door, and results come out into the output.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::{Stream, StreamExt as _};
use orchestrator::{
    Blueprint, Orchestrator, Order, Stats, Task, TaskErrorKind, TaskResult, TaskResults,
};
use tokio::time::MissedTickBehavior;

use super::args::{Mode, ResultOrder};
use super::blueprint::{Fetched, TaskInput};
use super::check::Survey;
use super::collected::Collected;
use super::input::Input;
use super::output::{FLUSH_EVERY, Output, TaskOutput};
use super::progress::{Progress, Stage};
use super::signals::Signals;
use super::summary::{Tally, grouped};
use super::superseded::Superseded;
use super::tasks::{Trouble, tasks};
use super::terminal::Terminal;

/// The most rows that go through the channel door unless it is asked for.
const CHANNEL_ROWS: u64 = 1_000;
/// How many tasks are sent ahead of admission through the channel door. A few, since each may have
/// 1 MiB.
const CHANNEL_CAPACITY: usize = 8;

/// How tasks go in and results come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Tasks are sent, all results are collected, then written.
    Channel,
    /// Tasks are read, and results written, as the run goes on.
    Streaming,
}

impl Door {
    /// The door for so many rows.
    pub(crate) fn for_rows(rows: u64, mode: Mode) -> Self {
        match mode {
            Mode::Channel => Self::Channel,
            Mode::Auto if rows <= CHANNEL_ROWS => Self::Channel,
            Mode::Streaming | Mode::Auto => Self::Streaming,
        }
    }

    /// The door's name, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Streaming => "streaming",
        }
    }

    /// Starts the run: tasks go in through this door.
    fn enter<B>(
        self,
        orchestrator: &Orchestrator<B>,
        tasks: impl Stream<Item = Task<TaskInput>> + Send + 'static,
    ) -> TaskResults<Fetched>
    where
        B: Blueprint<Input = TaskInput, Output = Fetched>,
    {
        match self {
            Self::Streaming => orchestrator.execute_tasks_streaming(tasks),
            Self::Channel => {
                let (sender, results) = orchestrator.channel(CHANNEL_CAPACITY);
                tokio::spawn(async move {
                    let mut tasks = pin!(tasks);
                    while let Some(task) = tasks.next().await {
                        // The run is over before its tasks are: it was shut down.
                        if sender.send(task).await.is_err() {
                            break;
                        }
                    }
                });
                results
            }
        }
    }
}

/// What a run is made of.
pub(crate) struct Run {
    pub(crate) input: Input,
    pub(crate) survey: Survey,
    pub(crate) door: Door,
    pub(crate) order: ResultOrder,
    /// Whether results are written only when all are at hand, in the order of the input.
    pub(crate) collects: bool,
    /// How many tasks may be in flight.
    pub(crate) window: usize,
    /// How many rows may fail.
    pub(crate) failure_limit: Option<u64>,
    pub(crate) output: Output,
    pub(crate) signals: Signals,
    pub(crate) terminal: Terminal,
    /// Whether tasks are run elsewhere, where somebody may cancel one of them.
    pub(crate) elsewhere: bool,
}

/// What came of a run.
pub(crate) struct Report {
    pub(crate) output: Output,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    /// Whether more rows failed than may.
    pub(crate) failure_limit_hit: bool,
    /// What stopped the run.
    pub(crate) stopped: Option<Stopped>,
}

/// What stopped a run.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The tasks could not be read, or run, to their end.
    Input(anyhow::Error),
    /// The results could not be written.
    Output(io::Error),
    /// The journal broke, or the server can't be reached.
    Engine(String),
    /// The server has had other tasks in a run of this name.
    OtherRun(String),
}

impl Run {
    /// Runs all tasks and writes their results.
    pub(crate) async fn on<B>(self, orchestrator: Orchestrator<B>) -> Report
    where
        B: Blueprint<Input = TaskInput, Output = Fetched>,
    {
        let begun = Instant::now();
        let rows = self.survey.rows;
        let failure_limit = self.failure_limit.unwrap_or(u64::MAX);
        let order = match (self.door, self.order) {
            (Door::Streaming, ResultOrder::Input) if !self.collects => Order::Input,
            _ => Order::Completion,
        };
        let orchestrator = orchestrator.order(order);
        let mut sink = Sink {
            superseded: self.survey.superseded,
            collected: self.collects.then(Collected::default),
            output: self.output,
        };

        let trouble = Trouble::default();
        let stop = self.signals.shutdown().clone();
        let tasks = {
            let (trouble, stop) = (trouble.clone(), stop.clone());
            let fingerprint = self.survey.fingerprint;
            tasks(
                self.input,
                rows,
                fingerprint,
                self.window,
                trouble,
                move || {
                    stop.cancel();
                },
            )
        };
        let mut tally = Tally::default();
        let tasks = match tasks {
            Ok(tasks) => tasks,
            Err(error) => {
                return Report {
                    output: sink.output,
                    failure_limit_hit: false,
                    tally,
                    took: begun.elapsed(),
                    stopped: Some(Stopped::Input(error)),
                };
            }
        };
        let mut results = self.door.enter(&orchestrator, tasks);
        let mut tick = tokio::time::interval(FLUSH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut broke = None;
        let written = loop {
            let taken = tokio::select! {
                result = results.recv() => match result {
                    Ok(None) => break sink.finish().map(|()| None),
                    Err(error) => {
                        broke = Some(format!("{:#}", anyhow::Error::new(error)));
                        break sink.finish().map(|()| None);
                    }
                    Ok(Some(result)) => {
                        // One that was cancelled elsewhere has ended; one that was given up here has not.
                        let given_up = is(&result, TaskErrorKind::Cancelled)
                            && (!self.elsewhere || stop.is_cancelled() || results.stopped_by().is_some());
                        if is(&result, TaskErrorKind::Refused) {
                            let why = result.outcome.as_ref().err().map(ToString::to_string);
                            break Ok(why);
                        }
                        tally.count(&result, given_up);
                        if tally.failed > failure_limit {
                            stop.cancel();
                        }
                        sink.see(&result);
                        if given_up { Ok(()) } else { sink.take(&result) }
                    }
                },
                _ = tick.tick() => {
                    self.terminal.progress(progress(&tally, rows, orchestrator.stats()));
                    sink.output.flush()
                }
            };
            if let Err(error) = taken {
                break Err(error);
            }
        };
        let missing = rows.saturating_sub(tally.ended());
        let missing = if stop.is_cancelled() { 0 } else { missing };
        let stopped = stopped(written, trouble.take(), broke, missing);
        Report {
            output: sink.output,
            failure_limit_hit: tally.failed > failure_limit,
            tally,
            took: begun.elapsed(),
            stopped,
        }
    }
}

/// Returns how far a run of this many rows is.
fn progress(tally: &Tally, rows: u64, stats: Stats) -> Progress {
    Progress {
        stage: Stage::Running,
        done: tally.ended(),
        replayed: tally.replayed,
        total: Some(rows),
        note: format!(
            "; {} executing, {} waiting",
            grouped(stats.executing as u64),
            grouped(stats.waiting as u64)
        ),
    }
}

/// Returns what stopped the run. `written` has why the run was refused, and `missing` how many rows have
/// no result although nothing stopped the run.
fn stopped(
    written: io::Result<Option<String>>,
    trouble: Option<anyhow::Error>,
    broke: Option<String>,
    missing: u64,
) -> Option<Stopped> {
    match (written, trouble, broke) {
        (Err(error), _, _) => Some(Stopped::Output(error)),
        (Ok(Some(why)), _, _) => Some(Stopped::OtherRun(why)),
        (Ok(None), Some(error), _) => Some(Stopped::Input(error)),
        (Ok(None), None, Some(why)) => Some(Stopped::Engine(why)),
        (Ok(None), None, None) if missing > 0 => {
            let missing = grouped(missing);
            Some(Stopped::Input(anyhow!("{missing} rows have no result")))
        }
        (Ok(None), None, None) => None,
    }
}

fn is(result: &TaskResult<Fetched>, kind: TaskErrorKind) -> bool {
    matches!(&result.outcome, Err(error) if error.kind() == kind)
}

/// Takes results and writes those that are kept.
struct Sink {
    superseded: Superseded,
    /// All results, where they are written only when all are at hand.
    collected: Option<Collected>,
    output: Output,
}

impl Sink {
    /// Takes note of where an id came.
    fn see(&mut self, result: &TaskResult<Fetched>) {
        if let Some(collected) = &mut self.collected {
            collected.see(result.id.0, result.ordinal);
        }
    }

    fn take(&mut self, result: &TaskResult<Fetched>) -> io::Result<()> {
        if self.superseded.contains(result.ordinal) {
            return Ok(());
        }
        let row = TaskOutput::from(result);
        match &mut self.collected {
            Some(collected) => {
                collected.keep(row);
                Ok(())
            }
            None => self.output.write(&row),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        for row in self
            .collected
            .take()
            .into_iter()
            .flat_map(Collected::in_order)
        {
            self.output.write(&row)?;
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_rows_go_through_the_channel_door() {
        assert_eq!(Door::for_rows(1_000, Mode::Auto), Door::Channel);
        assert_eq!(Door::for_rows(1_001, Mode::Auto), Door::Streaming);
        assert_eq!(Door::for_rows(1_001, Mode::Channel), Door::Channel);
        assert_eq!(Door::for_rows(0, Mode::Streaming), Door::Streaming);
    }
}

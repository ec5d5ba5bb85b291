//! The program from its arguments to its end: prepare, run, report.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use tokio::runtime::Runtime;

use super::args::{Args, ResultOrder};
use super::doors::{Door, Report, Run, Stopped};
use super::engine::Engine;
use super::exit::End;
use super::prepare::{Ready, prepare};
use super::printable;
use super::signals::Signals;
use super::standard_output;
use super::status::minute;
use super::summary::{Tally, grouped};
use super::terminal::Terminal;

/// Runs the program, and says what went wrong.
pub(crate) fn run(args: &Args, runtime: &Runtime, terminal: &Terminal) -> End {
    let ready = match ready(args, runtime, terminal) {
        Ok(ready) => ready,
        Err(end) => return end,
    };
    let Ready {
        invocation,
        signals,
        engine,
        input,
        survey,
        door,
        output,
        finished,
    } = ready;

    let (rows, superseded, bad) = (survey.rows, survey.superseded.count(), survey.bad.count);
    let resume = |retry_failed| engine.resume(args, &invocation, retry_failed);
    let run = Run {
        input,
        survey,
        door,
        order: args.order,
        // With a journal, too, so that it makes no difference to the results.
        collects: args.order == ResultOrder::Input
            && Door::for_rows(rows, args.mode) == Door::Channel,
        window: args.window.get(),
        failure_limit: args.max_failures.map(|limit| limit.of(rows)),
        output,
        signals: signals.clone(),
        terminal: terminal.clone(),
        elsewhere: matches!(engine, Engine::There { .. }),
    };
    signals.running(resume(false));
    // In a task, since each result would otherwise wake this thread.
    let report = match &engine {
        Engine::Here(orchestrator) => runtime.spawn(run.on(orchestrator.clone())),
        Engine::There { orchestrator, .. } => runtime.spawn(run.on(orchestrator.clone())),
    };
    let report = match runtime.block_on(report) {
        Ok(report) => report,
        Err(error) => {
            terminal.error(format!("error: the run broke down: {error}"));
            return End::Failed;
        }
    };

    let other_run = matches!(report.stopped, Some(Stopped::OtherRun(_)));
    let mut end = end(&report, &engine, &signals, rows, bad);
    if end == End::Complete && args.fail_if_failed && report.tally.failed > 0 {
        end = End::RowsFailed;
    }
    match report.stopped {
        Some(Stopped::Input(error)) => terminal.error(format!("error: {error:#}")),
        Some(Stopped::Engine(why) | Stopped::OtherRun(why)) => {
            terminal.error(format!("error: {why}"));
        }
        Some(Stopped::Output(error)) if end == End::Failed => {
            terminal.error(format!("error: cannot write the results: {error}"));
        }
        _ => {}
    }
    if report.failure_limit_hit {
        terminal.error(too_many_failures(&report.tally, rows));
    }
    match report.output.finish(end.is_complete()) {
        Ok(Some(partial)) => {
            terminal.error(format!("the results are in {}", printable::path(&partial)));
        }
        Err(error) if end.is_complete() => {
            terminal.error(format!("error: cannot write the results: {error}"));
            end = End::Failed;
        }
        // A failed run has said so already.
        Ok(None) | Err(_) => {}
    }
    signals.finished(end);
    terminal.note(
        report
            .tally
            .summary(door.name(), rows, superseded, report.took),
    );
    // Under `--quiet` too: a run in which nothing succeeds must not look like a success.
    if let Some(words) = report.tally.only_reason(rows) {
        terminal.error(words);
    }
    let is_cut_off =
        report.tally.ended() < rows || !(end.is_complete() || matches!(end, End::Partial));
    match (finished, resume(report.failure_limit_hit)) {
        (_, Some(resume)) if is_cut_off && !other_run => terminal.error(resume),
        (Some(finished), _) if report.tally.replayed == rows => {
            terminal.error(already_finished(args, finished));
        }
        _ => {}
    }
    end
}

/// Prepares the run. If there is nothing to run, returns how the program ends.
fn ready(args: &Args, runtime: &Runtime, terminal: &Terminal) -> Result<Ready, End> {
    let fail = |error: anyhow::Error, end| {
        terminal.error(format!("error: {error:#}"));
        end
    };
    // Before a long file is read for nothing.
    if args.output().is_none() && !args.check {
        standard_output::check_for_results().map_err(|error| fail(error, End::Failed))?;
    }
    match prepare(args, runtime, terminal) {
        Ok(ready) => ready.ok_or(End::Complete),
        Err(error) => Err(fail(error, End::NothingRan)),
    }
}

/// Returns the message of a run that hit its failure limit.
fn too_many_failures(tally: &Tally, rows: u64) -> String {
    let was_cut_off = tally.ended() < rows;
    format!(
        "{}{} rows failed, more than --max-failures allows",
        if was_cut_off { "stopped: " } else { "" },
        grouped(tally.failed)
    )
}

/// What is said when there was nothing to run.
fn already_finished(args: &Args, finished: SystemTime) -> String {
    let journal = args.journal.as_deref().unwrap_or(Path::new(""));
    format!(
        "{}: finished {}, results written again; --fresh starts anew",
        printable::path(journal),
        minute(finished)
    )
}

/// How the run ended.
fn end(report: &Report, engine: &Engine, signals: &Signals, rows: u64, bad: u64) -> End {
    match (&report.stopped, signals.caught()) {
        (Some(Stopped::Output(error)), _) if error.kind() == io::ErrorKind::BrokenPipe => {
            End::ReaderGone
        }
        (Some(Stopped::Engine(_)), _) if matches!(engine, Engine::Here(_)) => End::JournalBroke,
        (Some(_), _) => End::Failed,
        // A signal that comes when all is done interrupts nothing.
        (None, Some(signal)) if report.tally.ended() < rows => End::Interrupted(signal),
        (None, _) if report.failure_limit_hit || bad > 0 => End::Partial,
        (None, _) => End::Complete,
    }
}

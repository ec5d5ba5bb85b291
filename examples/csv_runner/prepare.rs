//! All that is done before anything runs: [`prepare`].

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use orchestrator::{Journal, Orchestrator};
use tokio::runtime::Runtime;

use super::args::{Args, Mode};
use super::blueprint::ProcessData;
use super::check::{BadRows, Survey, check};
use super::doors::Door;
use super::engine::{Engine, invocation};
use super::facts::Facts;
use super::input::Input;
use super::output::{InUse, Output};
use super::progress::{Progress, Stage};
use super::resume::Invocation;
use super::signals::Signals;
use super::summary::{counted, grouped};
use super::terminal::Terminal;
use super::{journal, open_files, printable};

/// What a run needs, checked.
pub(crate) struct Ready {
    pub(crate) invocation: Invocation,
    pub(crate) signals: Signals,
    pub(crate) engine: Engine,
    pub(crate) input: Input,
    pub(crate) survey: Survey,
    pub(crate) door: Door,
    pub(crate) output: Output,
    /// When the run was finished that the journal has, if it was.
    pub(crate) finished: Option<SystemTime>,
}

/// Does everything that precedes the run. Returns `None` under `--check`.
pub(crate) fn prepare(
    args: &Args,
    runtime: &Runtime,
    terminal: &Terminal,
) -> anyhow::Result<Option<Ready>> {
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen(terminal.clone(), args.grace).context("cannot listen for signals")?
    };
    let invocation = invocation(args);
    if args.journal.is_some() && args.mode == Mode::Channel {
        bail!("--journal goes with the streaming door: leave --mode=channel out");
    }
    // A check fetches nothing.
    let fetching = &args.fetching;
    let url = if fetching.offline || args.check || args.restate.is_some() {
        None
    } else {
        Some(fetching.url()?)
    };
    if !args.check && args.restate.is_none() {
        open_files::reserve(args.concurrency(), fetching.offline)?;
    }
    let (input, survey) = look(args, terminal)?;
    // Of tasks that are sent the journal would have to keep each one; these are read again.
    let door = match args.journal {
        Some(_) => Door::Streaming,
        None => Door::for_rows(survey.rows, args.mode),
    };
    if args.check {
        terminal.note(findings(&survey, door));
    }
    name_bad_rows(&survey.bad, input.name(), terminal);
    if survey.bad.count > 0 && !args.skip_bad_rows {
        bail!(
            "{}; nothing was run (--skip-bad-rows runs the others)",
            counted(survey.bad.count, "bad row")
        );
    }
    if args.check {
        return Ok(None);
    }

    let opened = match &args.journal {
        Some(path) => journal::open(path, args.fresh)?,
        None => None,
    };
    let mut engine = match &args.restate {
        Some(ingress) => Engine::there(args, ingress, &signals, terminal)?,
        None => Engine::here(args, url.clone(), &signals, runtime, terminal)?,
    };
    // Last, so that whatever else fails leaves no file behind.
    let metadata = input.metadata();
    let tasks = InUse {
        what: "the tasks file",
        file: metadata.with_context(|| format!("cannot read {}", input.name()))?,
    };
    let (output, finished) = match (&args.journal, &mut engine) {
        (Some(path), Engine::Here(orchestrator)) => {
            let facts = Facts {
                input: survey.fingerprint.hash,
                rows: survey.rows,
                url: url.as_ref(),
                skip_bad_rows: args.skip_bad_rows,
            };
            let finished = opened.as_ref().and_then(|opened| opened.finished);
            let finished = finished.filter(|_| !args.fresh);
            let _runtime = runtime.enter();
            let output = keep(args, path, opened, &facts, orchestrator, tasks)?;
            (output, finished)
        }
        _ => (Output::open(args.output(), &[tasks])?, None),
    };
    Ok(Some(Ready {
        invocation,
        signals,
        engine,
        input,
        survey,
        door,
        output,
        finished,
    }))
}

/// The first pass over the tasks.
fn look(args: &Args, terminal: &Terminal) -> anyhow::Result<(Input, Survey)> {
    let input = Input::open(args.tasks.as_deref(), |copied| {
        show_bytes(terminal, Stage::Copying, copied, None);
    })?;
    let length = input.length().ok();
    let survey = check(&input, |read| {
        show_bytes(terminal, Stage::Checking, read, length);
    })?;
    Ok((input, survey))
}

/// Has the journal keep the run, and opens the output.
fn keep(
    args: &Args,
    path: &Path,
    opened: Option<journal::Opened>,
    facts: &Facts<'_>,
    orchestrator: &mut Orchestrator<ProcessData>,
    tasks: InUse,
) -> anyhow::Result<Output> {
    let mut in_use = vec![tasks];
    let mut output = None;
    let opened = opened.map(|opened| opened.journal);
    let opened = opened.filter(|journal| !args.fresh || journal.is_new());
    let opened = if let Some(journal) = opened {
        journal
    } else {
        if path.exists() {
            // The results have a place before anything is deleted.
            in_use.push(journal_in_use(path)?);
            output = Some(Output::open(args.output(), &in_use)?);
        }
        Journal::delete(path).map_err(anyhow::Error::msg)?;
        Journal::open(path).map_err(anyhow::Error::msg)?
    };
    let mut journal = facts.of(opened);
    if args.retry_failed {
        journal = journal.retry_failed();
    }
    *orchestrator = orchestrator
        .clone()
        .journal(journal)
        .map_err(anyhow::Error::msg)?;
    in_use.push(journal_in_use(path)?);
    match output {
        Some(output) => Ok(output),
        None => Output::open(args.output(), &in_use),
    }
}

fn journal_in_use(path: &Path) -> anyhow::Result<InUse> {
    Ok(InUse {
        what: "the journal",
        file: fs::metadata(path)
            .with_context(|| format!("cannot read the journal {}", printable::path(path)))?,
    })
}

/// What `--check` says.
fn findings(survey: &Survey, door: Door) -> String {
    let bad = survey.bad.count;
    format!(
        "{}, {} superseded, {} bad, {} door",
        counted(survey.rows + bad, "row"),
        grouped(survey.superseded.count()),
        grouped(bad),
        door.name()
    )
}

/// Says which rows are bad, and what is wrong with them.
fn name_bad_rows(bad: &BadRows, file: &str, terminal: &Terminal) {
    for row in &bad.named {
        terminal.error(format!("{file}: {row}"));
    }
    let more = bad.count - bad.named.len() as u64;
    if more > 0 {
        terminal.error(format!("{file}: and {}", counted(more, "more bad row")));
    }
}

/// Shows how far a pass over bytes has come.
fn show_bytes(terminal: &Terminal, stage: Stage, done: u64, total: Option<u64>) {
    terminal.progress(Progress {
        stage,
        done,
        replayed: 0,
        total,
        note: String::new(),
    });
}

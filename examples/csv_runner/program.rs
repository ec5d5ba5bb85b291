//! The program from its arguments to its end: check, run, report.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use orchestrator::restate::Client;
use orchestrator::{Blueprint, Orchestrator};
use reqwest::Url;
use tokio::runtime::Runtime;

use super::args::{Args, Fetching, Mode, ResultOrder};
use super::blueprint::{ProcessData, client};
use super::check::{BadRows, Survey, check};
use super::doors::{Door, Report, Run, Stopped};
use super::exit::End;
use super::facts::Facts;
use super::input::Input;
use super::output::{InUse, Output};
use super::resume::{Redirected, advice};
use super::signals::Signals;
use super::status::minute;
use super::summary::{counted, grouped};
use super::terminal::{Progress, Stage, Terminal};
use super::{journal, offline, open_files};

/// Runs the program, and says what went wrong.
pub(crate) fn run(args: &Args, runtime: &Runtime, terminal: &Terminal) -> End {
    let ready = match prepare(args, runtime, terminal) {
        Ok(Some(ready)) => ready,
        Ok(None) => return End::Complete,
        Err(error) => {
            terminal.error(format!("error: {error:#}"));
            return End::NothingRan;
        }
    };
    let Ready {
        signals,
        engine,
        input,
        survey,
        door,
        output,
        finished,
    } = ready;

    let (rows, superseded, bad) = (survey.rows, survey.superseded.count(), survey.bad.count);
    let resume = |retry_failed| engine.resume(args, retry_failed);
    let run = Run {
        input,
        survey,
        door,
        order: args.order,
        // With a journal, too, so that it makes no difference to the results.
        collects: args.order == ResultOrder::Input
            && Door::for_rows(rows, args.mode) == Door::Channel,
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
        let failed = grouped(report.tally.failed);
        let stopped = if report.tally.ended() < rows {
            "stopped: "
        } else {
            ""
        };
        terminal.error(format!(
            "{stopped}{failed} rows failed, more than --max-failures allows"
        ));
    }
    match report.output.finish(end == End::Complete) {
        Ok(Some(partial)) => terminal.error(format!("the results are in {}", partial.display())),
        Err(error) if end == End::Complete => {
            terminal.error(format!("error: cannot write the results: {error}"));
            end = End::Failed;
        }
        // A failed run has said so already.
        Ok(None) | Err(_) => {}
    }
    terminal.note(
        report
            .tally
            .summary(door.name(), rows, superseded, report.took),
    );
    let is_cut_off = report.tally.ended() < rows || !matches!(end, End::Complete | End::Partial);
    match (finished, resume(report.failure_limit_hit)) {
        (_, Some(resume)) if is_cut_off && !other_run => terminal.error(resume),
        (Some(finished), _) if report.tally.replayed == rows => {
            terminal.error(already_finished(args, finished));
        }
        _ => {}
    }
    end
}

/// What drives the tasks.
enum Engine {
    /// This process.
    Here(Orchestrator<ProcessData>),
    /// The workers of a Restate server.
    There {
        orchestrator: Orchestrator<Client<ProcessData>>,
        /// The run's name.
        run: String,
    },
}

impl Engine {
    /// How to go on with the run, if something keeps it.
    fn resume(&self, args: &Args, retry_failed: bool) -> Option<String> {
        let more = match self {
            Self::Here(_) => {
                args.journal.as_ref()?;
                (retry_failed && !args.retry_failed).then(|| "--retry-failed".to_owned())
            }
            Self::There { run, .. } => args.run.is_none().then(|| format!("--run={run}")),
        };
        Some(resume(args, more.as_deref()))
    }
}

/// How to go on with the run, which takes this option beside.
fn resume(args: &Args, more: Option<&str>) -> String {
    let is_read = args
        .tasks
        .as_deref()
        .is_none_or(|path| path == Path::new("-"));
    let input = is_read.then(|| Redirected::of(0));
    let is_written = args.output().is_none() && !io::stdout().is_terminal();
    let output = is_written.then(|| Redirected::of(1));
    advice(std::env::args_os(), input.as_ref(), output.as_ref(), more)
}

/// What is said when there was nothing to run.
fn already_finished(args: &Args, finished: SystemTime) -> String {
    let journal = args.journal.as_deref().unwrap_or(Path::new(""));
    format!(
        "{}: finished {}, results written again; --fresh starts anew",
        journal.display(),
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

/// What a run needs, checked.
struct Ready {
    signals: Signals,
    engine: Engine,
    input: Input,
    survey: Survey,
    door: Door,
    output: Output,
    /// When the run was finished that the journal has, if it was.
    finished: Option<SystemTime>,
}

/// All that is done before anything runs. Nothing is ready to run under `--check`.
fn prepare(args: &Args, runtime: &Runtime, terminal: &Terminal) -> anyhow::Result<Option<Ready>> {
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen(terminal.clone(), args.grace).context("cannot listen for signals")?
    };
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

    let input = Input::open(args.tasks.as_deref(), |copied| {
        show_bytes(terminal, Stage::Copying, copied, None);
    })?;
    let length = input.length().ok();
    let survey = check(&input, |read| {
        show_bytes(terminal, Stage::Checking, read, length);
    })?;
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
        Some(path) => Some(journal::open(path)?),
        None => None,
    };
    let facts = Facts {
        input: survey.fingerprint.hash,
        rows: survey.rows,
        url: url.as_ref(),
        skip_bad_rows: args.skip_bad_rows,
    };
    let (journal, finished) = match opened {
        Some(opened) => (Some(opened.journal), opened.finished),
        None => (None, None),
    };
    let finished = finished.filter(|_| !args.fresh);
    let mut engine = match &args.restate {
        Some(ingress) => {
            let mut client = Client::new(ingress)?;
            if let Some(run) = &args.run {
                client = client.run(run)?;
            }
            let run = client.run_name().to_owned();
            if args.run.is_none() {
                terminal.note(format!(
                    "the run's name is {run}: --run={run} attaches to it"
                ));
            }
            Engine::There {
                orchestrator: set_up(client.orchestrator(), args, &signals),
                run,
            }
        }
        None => {
            let blueprint =
                blueprint(fetching, url.clone(), args.concurrency(), runtime, terminal)?;
            Engine::Here(set_up(Orchestrator::new(blueprint), args, &signals))
        }
    };
    // Last, so that whatever else fails leaves no file behind; but before a journal is deleted, which would
    // be missed if the results had no place.
    let mut output = None;
    let metadata = input.metadata();
    let mut in_use = vec![InUse {
        what: "the tasks file",
        file: metadata.with_context(|| format!("cannot read {}", input.name()))?,
    }];
    if let (Some(journal), Some(path), Engine::Here(orchestrator)) =
        (journal, &args.journal, &mut engine)
    {
        let mut journal = journal;
        if args.fresh && !journal.is_new() {
            in_use.push(journal_in_use(path)?);
            output = Some(Output::open(args.output(), &in_use)?);
            journal = journal::anew(journal, path)?;
        }
        let journal = facts.of(journal);
        let journal = if args.retry_failed {
            journal.retry_failed()
        } else {
            journal
        };
        let _runtime = runtime.enter();
        *orchestrator = orchestrator
            .clone()
            .journal(journal)
            .map_err(anyhow::Error::msg)?;
        in_use.push(journal_in_use(path)?);
    }
    let output = match output {
        Some(output) => output,
        None => Output::open(args.output(), &in_use)?,
    };
    Ok(Some(Ready {
        signals,
        engine,
        input,
        survey,
        door,
        output,
        finished,
    }))
}

fn journal_in_use(path: &Path) -> anyhow::Result<InUse> {
    Ok(InUse {
        what: "the journal",
        file: fs::metadata(path)
            .with_context(|| format!("cannot read the journal {}", path.display()))?,
    })
}

/// An orchestrator with the settings that are asked for.
fn set_up<B: Blueprint>(
    orchestrator: Orchestrator<B>,
    args: &Args,
    signals: &Signals,
) -> Orchestrator<B> {
    orchestrator
        .concurrency(args.concurrency())
        .window(args.window.get())
        .shutdown(signals.shutdown().clone())
        .grace(args.grace)
}

/// The blueprint that fetches `url`, or what the built-in server answers.
pub(crate) fn blueprint(
    fetching: &Fetching,
    url: Option<Url>,
    concurrency: usize,
    runtime: &Runtime,
    terminal: &Terminal,
) -> anyhow::Result<ProcessData> {
    let url = match url {
        Some(url) => url,
        None => offline_url(runtime, terminal)?,
    };
    Ok(ProcessData {
        http: client(&url, concurrency, fetching.offline)?,
        url,
        timeout: fetching.timeout,
        retries: fetching.retries,
        delay: fetching.delay,
        terminal: terminal.clone(),
    })
}

/// Starts the server that answers in place of the endpoint.
fn offline_url(runtime: &Runtime, terminal: &Terminal) -> anyhow::Result<Url> {
    let url = runtime
        .block_on(offline::start())
        .context("cannot start the built-in server")?;
    terminal.note("offline: a built-in server answers; URL is not contacted");
    Ok(url)
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
        total,
        note: String::new(),
    });
}

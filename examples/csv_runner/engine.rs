//! What drives the tasks: [`Engine`], and the blueprint that it drives.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use orchestrator::restate::Client;
use orchestrator::{Blueprint, Orchestrator, Rate};
use reqwest::Url;
use tokio::runtime::Runtime;

use super::args::{Args, Fetching};
use super::blueprint::{Endpoint, ProcessData, RequestLimits};
use super::offline;
use super::resume::{Invocation, Redirected};
use super::signals::Signals;
use super::terminal::Terminal;

/// What drives the tasks.
pub(crate) enum Engine {
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
    /// This process, where `url` is fetched, or what the built-in server answers.
    pub(crate) fn here(
        args: &Args,
        url: Option<Url>,
        signals: &Signals,
        runtime: &Runtime,
        terminal: &Terminal,
    ) -> anyhow::Result<Self> {
        let blueprint = blueprint(&args.fetching, url, args.concurrency(), runtime, terminal)?;
        let orchestrator = set_up(Orchestrator::new(blueprint), args, signals);
        Ok(Self::Here(
            orchestrator.concurrency(steps_at_once(args.concurrency())),
        ))
    }

    /// The workers of the server whose ingress this is.
    pub(crate) fn there(
        args: &Args,
        ingress: &str,
        signals: &Signals,
        terminal: &Terminal,
    ) -> anyhow::Result<Self> {
        let client = Client::new(ingress)?;
        let client = match &args.run {
            Some(run) => client.run(run)?,
            None => client.run_anew(),
        };
        let run = client.run_name().unwrap_or_default().to_owned();
        if args.run.is_none() {
            // Without its name the run can't be gone on with.
            terminal.tell(format!(
                "the run's name is {run}: --run={run} attaches to it"
            ));
        }
        Ok(Self::There {
            orchestrator: set_up(client.orchestrator(), args, signals)
                .concurrency(args.concurrency()),
            run,
        })
    }

    /// Returns what to say on how to continue the run, if something keeps it.
    pub(crate) fn resume(
        &self,
        args: &Args,
        invocation: &Invocation,
        retry_failed: bool,
    ) -> Option<String> {
        let more = match self {
            Self::Here(_) => {
                args.journal.as_ref()?;
                (retry_failed && !args.retry_failed).then(|| "--retry-failed".to_owned())
            }
            Self::There { run, .. } => args.run.is_none().then(|| format!("--run={run}")),
        };
        Some(invocation.advice(more.as_deref()))
    }
}

/// Returns how this process was called. Must be called before tasks are read or results written.
pub(crate) fn invocation(args: &Args) -> Invocation {
    let writes = args.output().is_none() && !io::stdout().is_terminal();
    let is_local = args.restate.is_none();
    Invocation {
        arguments: std::env::args_os().collect(),
        variables: if is_local {
            args.fetching.variables()
        } else {
            Vec::new()
        },
        input: args.reads_standard_input().then(Redirected::input),
        output: writes.then(Redirected::output),
    }
}

/// An orchestrator with the settings that are asked for.
fn set_up<B: Blueprint>(
    orchestrator: Orchestrator<B>,
    args: &Args,
    signals: &Signals,
) -> Orchestrator<B> {
    orchestrator
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
    let rate = fetching.rate.unwrap_or(Rate::UNLIMITED);
    let limits = RequestLimits {
        timeout: fetching.timeout,
        concurrency,
        rate,
        max_throttle: fetching.max_throttle,
    };
    Ok(ProcessData {
        endpoint: Endpoint::new(url, fetching.offline, &limits)?,
        concurrency,
        rate,
        retries: fetching.retries,
        delay: fetching.delay,
        terminal: terminal.clone(),
    })
}

/// How many steps may execute at once, where there may be this many requests.
///
/// One more than requests, so that rows are reported while all requests wait for a pause that the server
/// asked for. With a concurrency of 1 everything is done one after the other.
pub(crate) fn steps_at_once(requests: usize) -> usize {
    if requests == 1 {
        return 1;
    }
    requests.saturating_add(1)
}

/// Starts the server that answers in place of the endpoint.
fn offline_url(runtime: &Runtime, terminal: &Terminal) -> anyhow::Result<Url> {
    let url = runtime
        .block_on(offline::start())
        .context("cannot start the built-in server")?;
    terminal.note("offline: a built-in server answers; URL is not contacted");
    Ok(url)
}

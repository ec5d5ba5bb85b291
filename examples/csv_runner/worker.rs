//! `csv_runner worker`: rows are run for a Restate server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use orchestrator::Blueprint as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::args::{Fetching, Worker};
use super::blueprint::ProcessData;
use super::engine::{blueprint, steps_at_once};
use super::exit::End;
use super::open_files;
use super::signals::Signals;
use super::terminal::Terminal;

/// Serves until it is told to stop, and says what went wrong.
pub(crate) fn run(worker: &Worker, runtime: &Runtime, terminal: &Terminal) -> End {
    match serve(worker, runtime, terminal) {
        Ok(()) => End::Complete,
        Err(error) => {
            terminal.error(format!("error: {error:#}"));
            End::NothingRan
        }
    }
}

fn serve(worker: &Worker, runtime: &Runtime, terminal: &Terminal) -> anyhow::Result<()> {
    let fetching = &worker.fetching;
    let url = if fetching.offline {
        None
    } else {
        Some(fetching.url()?)
    };
    let concurrency = worker.concurrency.get();
    open_files::reserve(concurrency, fetching.offline)?;
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen(terminal.clone(), worker.grace).context("cannot listen for signals")?
    };
    let listener = runtime
        .block_on(TcpListener::bind(&worker.listen))
        .with_context(|| format!("cannot listen at {}", worker.listen))?;
    let address = listener.local_addr()?;
    if worker.register.is_some() && worker.advertise.is_none() {
        anyhow::ensure!(
            !address.ip().is_unspecified(),
            "{address} is no address to call: --advertise says which URL the server is to call"
        );
    }
    let mut serving = orchestrator::restate::Worker::new()
        .concurrency(steps_at_once(concurrency))
        .longest_step(longest_step(fetching))
        .shutdown(signals.shutdown().clone())
        .grace(worker.grace)
        .serve(blueprint(fetching, url, concurrency, runtime, terminal)?)?;
    for key in &worker.identity_key {
        serving = serving.identity_key(key);
    }
    if let Some(admin) = &worker.register {
        serving = serving.register(admin);
    }
    if let Some(url) = &worker.advertise {
        serving = serving.advertise(url);
    }
    terminal.note(format!(
        "{} is served at http://{address}",
        ProcessData::NAME
    ));
    if is_open(address) && worker.identity_key.is_empty() {
        terminal.note(format!(
            "whoever reaches {address} can have rows run there: --identity-key shuts others out"
        ));
    }
    signals.running(None);
    runtime.block_on(runtime.spawn(serving.listen_on(listener)))??;
    Ok(())
}

/// How long a step may take: a fetch takes as long as the server may hold it back, and one more request.
/// An event is written at once.
fn longest_step(fetching: &Fetching) -> Duration {
    const MINUTE: Duration = Duration::from_secs(60);
    let fetch = fetching.timeout.saturating_add(fetching.max_throttle);
    fetch.saturating_add(MINUTE).max(10 * MINUTE)
}

/// Whether others than this machine may reach it.
fn is_open(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

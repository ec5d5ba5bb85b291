//! Runs a task of three steps for each row of a CSV file; see `csv_runner --help`.
//!
//! ```sh
//! cargo run --example csv_runner -- tasks.csv > results.csv
//! ```
//!
//! # Layout
//!
//! - [`blueprint`]: what is done for a row; begin here
//! - [`program`]: the whole, from arguments to exit code; [`prepare`]: what is done before anything runs
//! - [`engine`]: what drives the tasks, this process or the workers of a server
//! - [`doors`]: the run: tasks in, results out
//! - [`args`], [`rate`], [`exit`], [`signals`]: the command line, exit codes, and signals to stop
//! - [`input`], [`rows`], [`quotes`], [`check`], [`superseded`]: the first pass over the tasks file
//! - [`tasks`]: the second one
//! - [`output`], [`collected`]: the results
//! - [`journal`], [`facts`], [`resume`], [`status`]: durable runs
//! - [`worker`]: rows are run for a Restate server
//! - [`terminal`], [`summary`], [`redaction`]: what is said on standard error
//! - [`offline`], [`open_files`]: the built-in server, and the limit of open files

mod args;
mod blueprint;
mod check;
mod collected;
mod doors;
mod engine;
mod exit;
mod facts;
mod input;
mod journal;
mod offline;
mod open_files;
mod output;
mod prepare;
mod program;
mod quotes;
mod rate;
mod redaction;
mod resume;
mod rows;
mod signals;
mod status;
mod summary;
mod superseded;
mod tasks;
mod terminal;
mod worker;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tokio::runtime::Runtime;

use args::{Args, Command};
use exit::End;
use terminal::Terminal;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Command::Status { file }) = &args.command {
        return status::run(file).into();
    }
    let started = Runtime::new().and_then(|runtime| {
        let terminal = {
            let _runtime = runtime.enter();
            let (quiet, progress) = match &args.command {
                Some(Command::Worker(worker)) => (worker.quiet, false),
                _ => (args.quiet, args.progress()),
            };
            Terminal::start(quiet, progress)?
        };
        Ok((runtime, terminal))
    });
    let (runtime, (terminal, closing)) = match started {
        Ok(started) => started,
        Err(error) => {
            // Not by `eprintln!`, which panics if it can't be said.
            let _ = writeln!(io::stderr(), "error: cannot start: {error}");
            return End::NothingRan.into();
        }
    };
    blueprint::install_crypto();
    let end = match &args.command {
        Some(Command::Worker(options)) => worker::run(options, &runtime, &terminal),
        _ => program::run(&args, &runtime, &terminal),
    };
    // Who has interrupted it does not want to wait for a terminal that takes nothing.
    closing.wait(matches!(end, End::Interrupted(_)).then_some(Duration::from_secs(1)));
    // What still executes after a failed run is not waited for.
    runtime.shutdown_background();
    end.into()
}

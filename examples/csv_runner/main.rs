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
//! - [`args`], [`rate`], [`exit`], [`signals`], [`ignored_signals`]: the command line, exit codes, and being told to stop
//! - [`input`], [`file_format`], [`rows`], [`quotes`], [`check`], [`superseded`]: the first pass over
//!   the tasks file
//! - [`tasks`]: the second one
//! - [`output`], [`standard_output`], [`partial`], [`collected`]: the results
//! - [`journal`], [`facts`], [`resume`], [`status`]: durable runs
//! - [`worker`]: rows are run for a Restate server
//! - [`terminal`], [`progress`], [`speed`], [`summary`], [`warnings`], [`printable`], [`redaction`]:
//!   standard error
//! - [`offline`], [`open_files`], [`threads`]: the built-in server, and the limits of open files and threads

mod args;
mod blueprint;
mod check;
mod collected;
mod doors;
mod engine;
mod exit;
mod facts;
mod file_format;
mod ignored_signals;
mod input;
mod journal;
mod offline;
mod open_files;
mod output;
mod partial;
mod prepare;
mod printable;
mod program;
mod progress;
mod quotes;
mod rate;
mod redaction;
mod resume;
mod rows;
mod signals;
mod speed;
mod standard_output;
mod status;
mod summary;
mod superseded;
mod tasks;
mod terminal;
mod threads;
mod warnings;
mod worker;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use args::{Args, Command};
use exit::End;
use printable::lines;
use terminal::Terminal;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = match Args::of_this_process() {
        Ok(args) => args,
        Err(message) => return said_by_clap(&message).into(),
    };
    if let Some(Command::Status { file }) = &args.command {
        return status::run(file).into();
    }
    let started = threads::runtime().and_then(|runtime| {
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
            let error = format!("{error:#}");
            // Not by `eprintln!`, which panics if it cannot write.
            let _ = writeln!(io::stderr(), "error: cannot start: {}", lines(&error));
            return End::NothingRan.into();
        }
    };
    blueprint::install_crypto();
    warnings::show(&terminal, runtime.handle());
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

/// Shows the help, the version or a usage error.
fn said_by_clap(message: &clap::Error) -> End {
    if message.use_stderr() {
        // Without colours, which cannot be distinguished from escapes in the arguments.
        let text = message.render().to_string();
        let _ = io::stderr().write_all(lines(&text).as_bytes());
        return End::NothingRan;
    }
    match message.print() {
        Ok(()) => End::Complete,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => End::ReaderGone,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "error: cannot write to standard output: {error}"
            );
            End::Failed
        }
    }
}

//! A disk that fails under a journal: each call from one on, at every place in a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Running, wait_until};
use crate::kept::Kept;

/// The library that makes calls fail, built where this is.
fn library(directory: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults.c");
    let library = directory.join("faults.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
    let built = compiler.arg(&library).arg(source).arg("-ldl").status();
    assert!(built.unwrap().success());
    library
}

/// How many runs a failing disk stopped, of some whose disk fails from ever later calls on.
fn stopped(call: &str, after: impl IntoIterator<Item = u32>) -> usize {
    let mut stopped = 0;
    for after in after {
        let kept = Kept::with_rows(300);
        let arguments = ["--offline", "--delay=0s", "--quiet", "-o=results.csv"];
        let mut command = kept.command(&arguments);
        command
            .env("LD_PRELOAD", library(&kept.path(".")))
            .env("FAULT_CALL", call)
            .env("FAULT_AFTER", after.to_string());
        let done = Running::start(command).finish();
        let code = done.code();
        // 2: it failed before anything ran. 0: there were fewer calls.
        assert!(matches!(code, Some(0 | 2 | 4)), "{call} {after}: {done:?}");
        assert_eq!(kept.path("results.csv").exists(), code == Some(0));
        if code != Some(0) {
            assert!(done.stderr.contains("run.db"), "{call} {after}: {done:?}");
            stopped += usize::from(code == Some(4));
        }
        let done = kept.run(&arguments);
        assert_eq!(done.code(), Some(0), "{call} {after}: {done:?}");
        let results = fs::read_to_string(kept.path("results.csv")).unwrap();
        let completed = results.lines().filter(|line| line.ends_with("Completed,"));
        assert_eq!(completed.count(), 300, "{call} {after}");
    }
    stopped
}

#[test]
fn a_write_that_fails_stops_the_run_and_loses_nothing() {
    assert!(stopped("write", [0, 30, 60, 75, 90, 105, 120]) >= 2);
}

#[test]
fn a_sync_that_fails_stops_the_run_and_loses_nothing() {
    assert!(stopped("sync", [0, 6, 13, 16, 19, 22, 26]) >= 2);
}

#[test]
fn a_read_that_fails_stops_the_run_and_loses_nothing() {
    stopped("read", [0, 6, 12, 17, 19, 20, 21]);
}

#[test]
fn an_interrupt_while_the_journal_closes_says_that_the_run_has_finished() {
    let kept = Kept::with_rows(20);
    let mut command = kept.command(&["--offline", "--delay=0s", "-o=results.csv"]);
    // The last thing that a run does to its journal is to empty the write-ahead log.
    command
        .env("LD_PRELOAD", library(&kept.path(".")))
        .env("FAULT_NAME", "run.db-wal")
        .env("FAULT_CALL", "truncate")
        .env("FAULT_DO", "hang")
        .env("FAULT_AFTER", "0");
    let said = || fs::read_to_string(kept.path("said")).unwrap_or_default();
    command.stderr(fs::File::create(kept.path("said")).unwrap());
    let running = Running::start_as_is(command);
    wait_until("the summary", || said().contains("20 completed"));
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(0), "{}", said());
    assert!(
        said().contains("the run has finished and its results are written"),
        "{}",
        said()
    );
    let again = kept.run(&["--offline", "--delay=0s"]);
    assert_eq!(
        (again.code(), again.rows().len()),
        (Some(0), 20),
        "{again:?}"
    );
}

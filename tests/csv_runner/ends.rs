//! Failure limits, usage errors, and exit codes.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::cli::{Running, csv_runner, in_shell, run, run_with, tasks};
use crate::server::{Answer, Server};

#[test]
fn a_run_that_fails_throughout_is_stopped() {
    for (limit, rows) in [("10", 2_000), ("1%", 1_000)] {
        // Slow enough that a busy machine has time to stop the run before all rows are through.
        let server = Server::start(|_| {
            thread::sleep(Duration::from_millis(10));
            Answer::status(404)
        });
        let url = server.url();
        let arguments = [
            "--delay=0s",
            "--concurrency=2",
            "--url",
            &url,
            "--max-failures",
            limit,
        ];
        let done = run(&arguments, tasks(0..rows));
        assert_eq!(done.code(), Some(3), "{done:?}");
        let requests = server.requests().len();
        assert!((11..500).contains(&requests), "{requests}");
        assert!(done.rows().len() > 10);
        assert!(
            done.stderr.contains("more than --max-failures allows"),
            "{done:?}"
        );
    }
}

#[test]
fn as_many_failures_as_allowed_stop_nothing() {
    let server = Server::start(|request| match request {
        0..5 => Answer::status(404),
        _ => Answer::OK,
    });
    let url = server.url();
    let done = run(
        &["--delay=0s", "--max-failures=5", "--url", &url],
        tasks(0..50),
    );
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len(), 50);

    let server = Server::always(Answer::status(404));
    let url = server.url();
    let done = run(
        &["--delay=0s", "--max-failures=0", "--url", &url],
        tasks(0..1),
    );
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert_eq!(done.rows().len(), 1);
}

#[test]
fn a_failed_row_is_exit_code_5_when_that_is_asked_for() {
    let server = Server::start(|request| match request {
        1 => Answer::status(404),
        _ => Answer::OK,
    });
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("results.csv");
    let url = server.url();
    let arguments = [
        "--delay=0s",
        "--concurrency=1",
        "--fail-if-failed",
        "--url",
        &url,
        "-o",
        output.to_str().unwrap(),
    ];
    let done = run(&arguments, tasks(0..3));
    assert_eq!(done.code(), Some(5), "{done:?}");
    // All rows ran, so the results are complete.
    let expected = "task_id,final_status,error_info\n\
        0,Completed,\n1,Failed,fetch_data: HTTP 404 Not Found (1 attempt)\n2,Completed,\n";
    assert_eq!(std::fs::read_to_string(&output).unwrap(), expected);
    assert!(!done.stderr.contains("partial"), "{done:?}");

    let done = run(&arguments, tasks(0..3));
    assert_eq!(done.code(), Some(0), "{done:?}");
    let done = run(&arguments, "task_id,task_type\nx,bad\n");
    assert_eq!(done.code(), Some(2), "{done:?}");
}

#[test]
fn a_run_without_any_success_says_so_under_quiet() {
    // Nobody listens there.
    let arguments = [
        "--delay=0s",
        "--retries=0",
        "--url=http://127.0.0.1:1/",
        "--quiet",
    ];
    let done = run(&arguments, tasks(0..7));
    assert_eq!(done.code(), Some(0), "{done:?}");
    let said = "all 7 rows failed for one reason: fetch_data: cannot connect: Connection refused";
    assert!(done.stderr.starts_with(said), "{done:?}");
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
}

#[test]
fn arguments_that_are_not_right_run_nothing() {
    let url = "--url=http://127.0.0.1:1/";
    for arguments in [
        &["--no-such-option"][..],
        &["--delay", "5"],
        &["--delay", "soon"],
        &["--concurrency", "0"],
        &["--window", "0"],
        &["--rate", "20"],
        &["--rate", "0/s"],
        &["--max-failures", "120%"],
        &["--mode", "both"],
        &["--retries", "-1"],
        &["--url", "no address"],
        &["--offline", url],
        &["--max-failures", "-1"],
        &["--concurrency", "ten"],
        &["statsu", "run.db"],
        &["one.csv", "two.csv"],
    ] {
        let done = run(arguments, tasks([1]));
        assert_eq!(done.code(), Some(2), "{arguments:?}: {done:?}");
        assert!(
            done.stdout.is_empty() && !done.stderr.is_empty(),
            "{done:?}"
        );
    }
}

#[test]
fn a_concurrency_above_the_open_files_is_refused() {
    let script = r#"ulimit -n 256; exec "$0" "$@""#;
    let url = "--url=http://127.0.0.1:1/";
    let done = run_with(in_shell(script, &["--concurrency=400", url]), b"");
    assert_eq!(done.code(), Some(2), "{done:?}");
    let said =
        "--concurrency 400 needs 464 open files, and this process may have 256: use at most 192";
    assert!(done.stderr.contains(said), "{done:?}");

    let script_of_few = r#"ulimit -n 60; exec "$0" "$@""#;
    let done = run_with(in_shell(script_of_few, &["--concurrency=1", url]), b"");
    let said = "needs 65 open files, and this process may have 60: raise the limit (ulimit -Hn)";
    assert!(done.stderr.contains(said), "{done:?}");

    let fits = in_shell(script, &["--concurrency=90", "--offline", "--delay=0s"]);
    let done = run_with(fits, tasks(0..500).as_bytes());
    assert_eq!(done.rows().len(), 500, "{done:?}");
}

#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let script = r#"ulimit -Sn 64; exec "$0" "$@""#;
    let command = in_shell(script, &["--offline", "--delay=0s"]);
    let done = run_with(command, tasks(0..500).as_bytes());
    assert_eq!(done.rows().len(), 500, "{done:?}");
}

#[test]
fn a_program_that_cannot_start_says_so() {
    // Enough to load it, and too few for a runtime.
    let script = r#"ulimit -n 5; exec "$0" "$@""#;
    let done = run_with(in_shell(script, &["--offline"]), b"");
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.stderr.starts_with("error: cannot start: "), "{done:?}");
}

/// A user that has no other process, so that its limit of processes counts this one alone. None if
/// this test may not change users.
#[cfg(target_os = "linux")]
fn another_user() -> Option<u32> {
    rustix::process::geteuid()
        .is_root()
        .then_some(3_000_000_000 + std::process::id())
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_cannot_be_started_are_an_error_and_no_hang() {
    use std::os::unix::process::CommandExt as _;

    let kept = crate::kept::Kept::with_rows(50);
    let folder = kept.path(".");
    let anybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&folder, anybody).unwrap();
    let user = another_user();
    let mut ran = 0;
    let limits = if user.is_some() { 1..64 } else { 1..2 };
    for limit in limits {
        // A shell's name of the option is one or the other.
        let script =
            format!(r#"ulimit -u {limit} 2>/dev/null || ulimit -p {limit}; exec "$0" "$@""#);
        let arguments = ["--offline", "--delay=0s", "--journal=run.db", "tasks.csv"];
        let mut command = in_shell(&script, &arguments);
        command
            .env("TOKIO_WORKER_THREADS", "2")
            .current_dir(&folder);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let done = Running::start(command).finish();
        if user.is_some() && matches!(done.code(), Some(126 | 127)) {
            // The program is where no other user may read it, as below `/root`.
            return;
        }
        if done.code() == Some(0) {
            assert_eq!(done.rows().len(), 50, "{done:?}");
            ran = limit;
            break;
        }
        assert_eq!(done.code(), Some(2), "{limit}: {done:?}");
        let said = "error: cannot start: this process may not have 12 threads";
        assert!(done.stderr.starts_with(said), "{limit}: {done:?}");
    }
    // The main thread and the others.
    assert!(user.is_none() || ran == 13, "{ran}");
}

#[test]
fn help_names_the_defaults() {
    let help = run(&["--help"], "");
    assert_eq!(help.code(), Some(0));
    for default in [
        "https://httpbin.org/get",
        "5s",
        "10s",
        "2",
        "100",
        "1000000",
        "auto",
        "input",
    ] {
        assert!(
            help.stdout.contains(&format!("[default: {default}]")),
            "{default}"
        );
    }
}

#[test]
fn standard_input_may_be_closed() {
    let mut command = csv_runner(&["--offline"]);
    command.stdin(Stdio::null());
    let done = Running::start(command).finish();
    assert_eq!(done.code(), Some(2), "{done:?}");
    let done = run_with(in_shell(r#"exec "$0" "$@" <&-"#, &["--offline"]), b"");
    assert_eq!(done.code(), Some(2), "{done:?}");
}

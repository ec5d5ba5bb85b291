//! `--journal`: runs that are gone on with.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use crate::cli::{Finished, Running, csv_runner, in_shell, run, run_with, wait_until};
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// What a kill leaves uncommitted is committed within this.
const COMMITTED: Duration = Duration::from_millis(200);

/// The command that a message says to go on with.
fn resume_command(done: &Finished) -> &str {
    let mut lines = done.stderr.lines();
    let said = lines.find(|line| line.starts_with("to go on"));
    assert!(said.is_some(), "{done:?}");
    lines.next().unwrap().trim()
}

/// Runs what a message says to go on with, as if it were pasted.
fn paste(kept: &Kept, done: &Finished) -> Finished {
    let mut command = in_shell(resume_command(done), &[]);
    command.current_dir(kept.path("."));
    run_with(command, b"")
}

#[test]
fn a_journal_makes_no_difference_to_the_results() {
    let tasks = "task_id,task_type\n101,a\n102,b\n101,c\n103,d\n";
    for mode in ["--mode=auto", "--mode=streaming"] {
        let arguments = ["--offline", "--delay=0s", mode];
        let kept = Kept::new(tasks);
        let done = kept.run(&arguments);
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert_eq!(done.stdout, run(&arguments, tasks).stdout);
        assert!(done.stderr.contains("streaming door"), "{done:?}");
    }
}

#[test]
fn a_run_that_was_killed_goes_on() {
    let server = Server::start(|request| match request {
        3 => Answer::Hang,
        _ => Answer::OK,
    });
    let url = server.url();
    let arguments = ["--url", &url, "--delay=0s"];
    let kept = Kept::with_rows(6);
    let running = kept.start(&arguments);
    wait_until("all are fetched", || server.requests().len() == 6);
    std::thread::sleep(COMMITTED);
    running.signal("KILL");
    assert_eq!(running.finish().events().len(), 5);

    let done = kept.run(&arguments);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len(), 6);
    assert_eq!(done.events().len(), 1, "{done:?}");
    assert_eq!(server.requests().len(), 7);
    let said = "6 completed, 0 failed of 6 rows";
    assert!(done.stderr.contains(said), "{done:?}");
    assert!(done.stderr.contains("; 5 from the journal"), "{done:?}");
}

#[test]
fn a_finished_run_writes_its_results_again_and_says_so() {
    let server = Server::start(|request| match request {
        2 => Answer::status(404),
        _ => Answer::OK,
    });
    let url = server.url();
    let kept = Kept::with_rows(5);
    let first = kept.run(&["--url", &url, "--delay=0s"]);
    let again = kept.run(&["--url", &url, "--quiet", "--concurrency=3"]);
    assert_eq!(again.code(), Some(0), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(server.requests().len(), 5);
    let (said, time) = again.stderr.split_once("finished ").unwrap();
    let (time, rest) = time.split_once(", ").unwrap();
    assert_eq!(said, "run.db: ");
    assert_eq!(time.len(), "2026-11-22 14:03".len(), "{time}");
    assert_eq!(rest, "results written again; --fresh starts anew\n");
}

#[test]
fn fresh_runs_all_rows_again() {
    let server = Server::always(Answer::OK);
    let url = server.url();
    let arguments = ["--url", &url, "--delay=0s"];
    let kept = Kept::with_rows(5);
    kept.run(&arguments);
    let done = kept.run(&["--fresh", "--url", &url, "--delay=0s"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!((done.rows().len(), done.events().len()), (5, 5));
    assert_eq!(server.requests().len(), 10);
}

#[test]
fn fresh_begins_anew_where_the_journal_is_damaged_or_half_deleted() {
    let kept = Kept::with_rows(5);
    let fresh = ["--offline", "--delay=0s", "--fresh"];
    kept.run(&["--offline", "--delay=0s"]);
    let mut bytes = fs::read(kept.path("run.db")).unwrap();
    bytes[4_096..].fill(7);
    fs::write(kept.path("run.db"), bytes).unwrap();
    assert_eq!(kept.run(&["--offline", "--delay=0s"]).code(), Some(2));
    let done = kept.run(&fresh);
    assert_eq!((done.code(), done.rows().len()), (Some(0), 5), "{done:?}");

    fs::rename(kept.path("run.db"), kept.path("run.db-wal")).unwrap();
    let done = kept.run(&fresh);
    assert_eq!((done.code(), done.rows().len()), (Some(0), 5), "{done:?}");
}

#[test]
fn fresh_deletes_nothing_if_nothing_is_to_run() {
    let kept = Kept::with_rows(5);
    kept.run(&["--offline", "--delay=0s"]);
    let journal = fs::read(kept.path("run.db")).unwrap();
    for arguments in [["-o=missing/results.csv"], ["-o=run.db"], ["--url=nowhere"]] {
        let offline = if arguments[0].starts_with("-o") {
            "--offline"
        } else {
            "--quiet"
        };
        let done = kept.run(&["--fresh", offline, arguments[0]]);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(
            fs::read(kept.path("run.db")).unwrap() == journal,
            "{done:?}"
        );
    }
}

#[test]
fn fresh_takes_another_input() {
    let kept = Kept::with_rows(5);
    kept.run(&["--offline", "--delay=0s"]);
    fs::write(kept.path("tasks.csv"), crate::cli::tasks(7..9)).unwrap();
    let done = kept.run(&["--offline", "--delay=0s", "--fresh"]);
    assert_eq!(done.rows(), ["7,Completed,", "8,Completed,"], "{done:?}");
}

#[test]
fn fresh_deletes_nothing_else_than_a_journal() {
    let kept = Kept::with_rows(5);
    fs::write(kept.path("run.db"), "precious").unwrap();
    let done = kept.run(&["--offline", "--fresh"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("is not a journal"), "{done:?}");
    assert_eq!(fs::read(kept.path("run.db")).unwrap(), b"precious");
}

#[test]
fn retry_failed_runs_what_failed_alone() {
    let server = Server::start(|request| match request {
        1 | 3 => Answer::status(404),
        _ => Answer::OK,
    });
    let url = server.url();
    let arguments = ["--url", &url, "--delay=0s", "--concurrency=1"];
    let kept = Kept::with_rows(5);
    let first = kept.run(&arguments);
    assert!(first.stdout.contains("1,Failed,"), "{first:?}");
    let done = kept.run(&["--retry-failed", "--url", &url, "--delay=0s"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.events().len(), 2, "{done:?}");
    assert_eq!(server.requests().len(), 7);
    let completed: Vec<_> = (0..5).map(|id| format!("{id},Completed,")).collect();
    assert_eq!(done.rows(), completed);
    // And that is what the journal has from now on.
    assert_eq!(kept.run(&arguments).rows(), completed);
    assert_eq!(server.requests().len(), 7);
}

#[test]
fn status_says_how_the_run_stands() {
    let server = Server::start(|request| match request {
        1 | 3 => Answer::status(404),
        4 => Answer::Hang,
        _ => Answer::OK,
    });
    let url = server.url();
    let kept = Kept::with_rows(1_234);
    let running = kept.start(&["--url", &url, "--delay=60s", "--concurrency=1"]);
    wait_until("five are fetched", || server.requests().len() == 5);
    std::thread::sleep(COMMITTED);
    let status = kept.status();
    assert_eq!(status.code(), Some(0), "{status:?}");
    let mut lines = status.stdout.lines();
    for expected in [
        "run.db: 1,234 rows, not finished",
        "  0 completed",
        "  2 failed",
        "    2: fetch_data: HTTP 404 Not Found",
        "  2 waiting for emit_event",
        "  1,230 not begun, or in their first step",
        "next to go on:",
    ] {
        assert_eq!(lines.next(), Some(expected), "{status:?}");
    }
    let wake = lines.next().unwrap();
    assert!(
        wake.contains(", in 1m: ") || wake.contains(", in 5"),
        "{status:?}"
    );
    drop(running);
}

#[test]
fn status_of_what_is_no_journal_is_refused() {
    let kept = Kept::with_rows(1);
    let status = kept.status();
    assert_eq!(status.code(), Some(2), "{status:?}");
    assert!(
        status.stderr.contains("there is no journal at"),
        "{status:?}"
    );
}

#[test]
fn an_interruption_says_how_to_go_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Server::start(|request| match request {
            3 => Answer::Hang,
            _ => Answer::OK,
        });
        let url = server.url();
        let kept = Kept::with_rows(5);
        let output = "-oall 'the' results";
        let arguments = [
            "--url",
            &url,
            "--concurrency=1",
            "--grace=0s",
            "--delay=0s",
            output,
        ];
        let running = kept.start(&arguments);
        wait_until("four are fetched", || server.requests().len() == 4);
        std::thread::sleep(COMMITTED);
        running.signal(signal);
        let stopped = running.finish();
        assert_eq!(stopped.code(), Some(code), "{stopped:?}");

        let done = paste(&kept, &stopped);
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert_eq!(server.requests().len(), 6);
        let results = fs::read_to_string(kept.path("all 'the' results")).unwrap();
        assert_eq!(results.lines().count(), 6);
    }
}

/// Runs this script on a journal until four of five rows are fetched, and interrupts it.
fn interrupted(kept: &Kept, server: &Server, script: &str) -> Finished {
    let arguments = [
        "--journal=run.db",
        "--delay=0s",
        "--grace=0s",
        "--quiet",
        "--concurrency=1",
    ];
    let mut command = in_shell(script, &arguments);
    command.current_dir(kept.path("."));
    let before = server.requests().len();
    let running = Running::start(command);
    wait_until("four are fetched", || server.requests().len() == before + 4);
    std::thread::sleep(COMMITTED);
    running.signal("INT");
    let stopped = running.finish();
    assert_eq!(stopped.code(), Some(130), "{stopped:?}");
    stopped
}

fn hangs_at_the_fourth() -> Server {
    Server::start(|request| match request {
        3 => Answer::Hang,
        _ => Answer::OK,
    })
}

#[test]
fn the_proposed_command_destroys_nothing_that_was_in_the_output_before() {
    for script in [
        r#"exec "$0" "$@" tasks.csv --url "$URL" >> all.csv"#,
        r#"exec > all.csv; echo precious; exec "$0" "$@" tasks.csv --url "$URL""#,
    ] {
        let server = hangs_at_the_fourth();
        let kept = Kept::with_rows(5);
        fs::write(kept.path("all.csv"), "precious\n").unwrap();
        let script = format!("URL={}; {script}", server.url());
        let stopped = interrupted(&kept, &server, &script);
        let said = "all results are written again, so send them to a new file by >";
        assert!(stopped.stderr.contains(said), "{stopped:?}");
        let before = fs::read(kept.path("all.csv")).unwrap();
        assert!(before.starts_with(b"precious\n"));

        let done = paste(&kept, &stopped);
        assert_eq!(done.rows().len(), 5, "{done:?}");
        assert_eq!(fs::read(kept.path("all.csv")).unwrap(), before);
    }
}

#[test]
fn the_proposed_command_has_the_url_of_the_environment() {
    let server = hangs_at_the_fourth();
    let kept = Kept::with_rows(5);
    let url = server.url();
    let script = format!(r#"CSV_RUNNER_URL={url} exec "$0" "$@" -o results.csv tasks.csv"#);
    let stopped = interrupted(&kept, &server, &script);
    let done = paste(&kept, &stopped);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(
        fs::read_to_string(kept.path("results.csv"))
            .unwrap()
            .lines()
            .count(),
        6
    );
}

#[test]
fn the_proposed_command_has_names_of_any_bytes() {
    let server = hangs_at_the_fourth();
    let kept = Kept::with_rows(5);
    let name = |bytes: &[u8]| kept.path(".").join(OsStr::from_bytes(bytes));
    let (input, output) = (name(b"t\xff '\n.csv"), name(b"r\xe2\x80\xae\x1b[2J.csv"));
    fs::rename(kept.path("tasks.csv"), &input).unwrap();
    let arguments = [
        "--journal=run.db",
        "--delay=0s",
        "--grace=0s",
        "--concurrency=1",
    ];
    let mut command = csv_runner(&arguments);
    command
        .args(["--url", &server.url(), "-o"])
        .arg(&output)
        .arg(&input);
    command.current_dir(kept.path("."));
    let running = Running::start(command);
    wait_until("four are fetched", || server.requests().len() == 4);
    std::thread::sleep(COMMITTED);
    running.signal("INT");
    let stopped = running.finish();
    let done = paste(&kept, &stopped);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 6);
}

#[test]
fn a_second_signal_says_how_to_go_on() {
    let server = Server::always(Answer::Hang);
    let kept = Kept::with_rows(5);
    let url = server.url();
    let running = kept.start(&["--fresh", "--quiet", "--url", &url]);
    wait_until("all are fetched", || server.requests().len() == 5);
    running.signal("INT");
    std::thread::sleep(COMMITTED);
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.code(), Some(130), "{done:?}");
    let command = resume_command(&done);
    assert!(command.contains(" --journal=run.db "), "{command}");
    assert!(!command.contains("--fresh"), "{command}");
}

#[test]
fn a_failure_limit_that_was_hit_says_how_to_go_on() {
    let server = Server::start(|request| match request {
        0..50 => Answer::status(404),
        _ => Answer::OK,
    });
    let url = server.url();
    let kept = Kept::with_rows(200);
    let arguments = [
        "--max-failures=3",
        "--url",
        &url,
        "--delay=0s",
        "--concurrency=1",
    ];
    let stopped = kept.run(&arguments);
    assert_eq!(stopped.code(), Some(3), "{stopped:?}");
    // Without it, what failed would be over the limit at once.
    assert!(
        resume_command(&stopped).contains("--retry-failed"),
        "{stopped:?}"
    );
}

#[test]
fn a_run_whose_journal_may_not_grow_stops_and_goes_on_when_it_may() {
    let kept = Kept::with_rows(3_000);
    let arguments = ["--offline", "--delay=0s", "--quiet", "-o=results.csv"];
    // 256 KiB for each file. Without the signal, a write beyond that is an error.
    let script = r#"ulimit -f 512; trap '' XFSZ; exec "$0" --journal=run.db tasks.csv "$@""#;
    let mut command = in_shell(script, &arguments);
    command.current_dir(kept.path("."));
    let done = run_with(command, b"");
    assert_eq!(done.code(), Some(4), "{done:?}");
    assert!(done.stderr.contains("run.db"), "{done:?}");
    assert!(!kept.path("results.csv").exists());
    resume_command(&done);

    let done = kept.run(&arguments);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let results = fs::read_to_string(kept.path("results.csv")).unwrap();
    assert_eq!(results.lines().count(), 3_001);
    assert!(
        results
            .lines()
            .skip(1)
            .all(|line| line.ends_with("Completed,"))
    );
}

//! What somebody at a terminal sees.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::cli::{Finished, Running, csv_runner, tasks};
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// Runs the program on three rows, with its outputs on a terminal, and gives what is on it.
fn seen(arguments: &[&str]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_bytes();
    let name = std::ffi::OsString::from_vec(name);
    let open = || File::options().read(true).write(true).open(&name).unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tasks.csv"), tasks(0..3)).unwrap();
    let mut command = csv_runner(&["--offline", "--delay=300ms", "tasks.csv"]);
    command
        .args(arguments)
        .current_dir(folder.path())
        // Where it is not said what kind of terminal it is, there is no bar.
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(open())
        .stderr(open());
    // It takes its ends of the terminal with it, so that what is on it comes to an end.
    let running = Running::start_as_is(command);
    let mut text = Vec::new();
    // Linux ends it by an error.
    let _ = File::from(terminal).read_to_end(&mut text);
    assert_eq!(running.finish().code(), Some(0));
    String::from_utf8(text).unwrap()
}

#[test]
fn results_do_not_run_into_the_progress_bar() {
    for arguments in [&[][..], &["-o", "-"]] {
        let text = seen(arguments);
        let lines: Vec<_> = text.lines().collect();
        for row in [
            "task_id,final_status,error_info",
            "0,Completed,",
            "2,Completed,",
        ] {
            assert!(lines.contains(&row), "{text}");
        }
        assert!(!text.contains("3 rows,"), "{text}");
    }
}

#[test]
fn progress_is_shown_where_results_go_elsewhere() {
    for arguments in [&["-o", "results.csv"], &["-o", "/dev/null"]] {
        let text = seen(arguments);
        assert!(text.contains("/3 rows,"), "{text}");
    }
    let text = seen(&["-o", "results.csv", "--no-progress"]);
    assert!(!text.contains("/3 rows,"), "{text}");
}

/// Begins a sequence of a terminal in two ways, reverses text, and breaks a line.
const EVIL: &str = "\u{1b}]0;evil\u{7}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{2028}";

fn assert_harmless(done: &Finished) {
    for text in [&done.stdout, &done.stderr] {
        let obeyed = text
            .chars()
            .find(|&c| EVIL.contains(c) && !c.is_ascii_graphic());
        assert_eq!(obeyed, None, "{done:?}");
    }
}

#[test]
fn names_and_types_do_nothing_to_a_terminal() {
    let kept = Kept::new(format!("task_id,task_type\n1,{EVIL}\n"));
    let run = |arguments: &[&str], code| {
        let mut command = csv_runner(arguments);
        command
            .args(["--offline", "--delay=0s"])
            .current_dir(kept.path("."));
        let done = Running::start(command).finish();
        assert_eq!(done.code(), Some(code), "{done:?}");
        assert_harmless(&done);
        done
    };
    let evil = |suffix: &str| format!("{}{suffix}", EVIL.replace('/', ""));
    let done = run(&["tasks.csv"], 0);
    assert_eq!(done.events().len(), 1, "{done:?}");

    // The tasks file: missing, and with bad rows.
    let name = evil(".csv");
    let done = run(&[&name], 2);
    assert!(
        done.stderr.contains("cannot open \\u{1b}]0;evil"),
        "{done:?}"
    );
    std::fs::write(
        kept.path(&name),
        format!("task_id,task_type\n{EVIL},a\n1,b\n"),
    )
    .unwrap();
    run(&[&name], 2);

    // The results file and its partial one.
    run(&["tasks.csv", "-o", &evil("/results.csv")], 2);
    run(&["--skip-bad-rows", &name, "-o", &evil(".results")], 3);

    // The journal, and the arguments themselves.
    run(&["tasks.csv", "--journal", &evil("/run.db")], 2);
    run(&["tasks.csv", "--journal", &evil(".db"), "-q"], 0);
    let done = run(&["tasks.csv", "--journal", &evil(".db"), "-q"], 0);
    assert!(done.stderr.contains("finished"), "{done:?}");
    run(&["--run", EVIL], 2);
    run(&["--concurrency", EVIL], 2);
    run(&["tasks.csv", EVIL], 2);
}

#[test]
fn a_crafted_journal_does_nothing_to_a_terminal() {
    let server = Server::always(Answer::status(404));
    let kept = Kept::with_rows(1);
    kept.run(&["--url", &server.url(), "--delay=0s"]);
    let journal = rusqlite::Connection::open(kept.path("run.db")).unwrap();
    let renamed = journal.execute("UPDATE step SET name = name || ?1", [EVIL]);
    assert!(renamed.unwrap() > 0);
    drop(journal);
    let status = kept.status();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(
        status.stdout.contains("fetch_data\\u{1b}]0;evil"),
        "{status:?}"
    );
    assert_harmless(&status);
    assert_harmless(&kept.run(&["--url", &server.url()]));
}

//! What somebody at a terminal sees.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::cli::{Running, csv_runner, tasks};

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

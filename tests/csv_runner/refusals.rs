//! Journals that can't be used, or can't be written any more.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::{Finished, Running, csv_runner, in_shell, run_with, tasks, wait_until};
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// Every file of the journal, byte for byte.
fn files(kept: &Kept) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(kept.path(".")).unwrap().flatten();
    let mut files: Vec<_> = files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .filter(|(name, _)| name.starts_with("run.db"))
        .collect();
    files.sort();
    files
}

fn assert_refused(done: &Finished, because: &str) {
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains(because), "{done:?}");
    assert!(done.stdout.is_empty(), "{done:?}");
}

#[test]
fn what_is_fixed_for_a_run_is_refused_if_it_differs() {
    let kept = Kept::with_rows(3);
    assert_eq!(kept.run(&["--offline", "--delay=0s"]).code(), Some(0));
    let before = files(&kept);

    let done = kept.run(&["--url=http://127.0.0.1:1/"]);
    assert_refused(
        &done,
        "was begun with the URL `offline`, and now it is `http://127.0.0.1:1/`",
    );
    let done = kept.run(&["--offline", "--skip-bad-rows"]);
    assert_refused(
        &done,
        "was begun with --skip-bad-rows `no`, and now it is `yes`",
    );
    fs::write(kept.path("tasks.csv"), tasks(0..4)).unwrap();
    let done = kept.run(&["--offline"]);
    assert_refused(&done, "was begun with the input `xxh3:");
    assert!(done.stderr.contains("`, and now it is `xxh3:"), "{done:?}");
    assert_eq!(files(&kept), before);
}

#[test]
fn what_is_free_may_differ() {
    let kept = Kept::with_rows(3);
    let first = kept.run(&["--offline", "--delay=0s"]);
    let again = kept.run(&[
        "--offline",
        "--delay=9s",
        "--concurrency=1",
        "--window=1",
        "--retries=7",
        "--timeout=1s",
        "--order=completion",
        "--mode=streaming",
        "--output=results.csv",
    ]);
    assert_eq!(again.code(), Some(0), "{again:?}");
    let mut results = fs::read_to_string(kept.path("results.csv")).unwrap();
    assert_eq!(results.lines().count(), first.stdout.lines().count());
    results.truncate("task_id,final_status,error_info\n".len());
    assert!(first.stdout.starts_with(&results));
}

#[test]
fn a_second_process_is_refused() {
    let server = Server::always(Answer::Hang);
    let url = server.url();
    let kept = Kept::with_rows(3);
    let running = kept.start(&["--url", &url, "-oone.csv"]);
    wait_until("all are fetched", || server.requests().len() == 3);
    for arguments in [
        &["--url", &url, "-oone.csv"][..],
        &["--url", &url, "-otwo.csv"],
        &["--url", &url, "--fresh"],
    ] {
        assert_refused(&kept.run(arguments), "is in use by another run: wait for");
    }
    assert!(!kept.path("two.csv.partial").exists());
    assert_eq!(server.requests().len(), 3);
    drop(running);
}

#[test]
fn the_channel_door_is_refused() {
    let done = Kept::with_rows(3).run(&["--offline", "--mode=channel"]);
    assert_refused(&done, "--journal goes with the streaming door");
}

#[test]
fn options_of_a_journal_ask_for_one() {
    for option in ["--fresh", "--retry-failed"] {
        let done = run_with(csv_runner(&["--offline", option]), b"");
        assert_refused(&done, "--journal <FILE>");
    }
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let kept = Kept::with_rows(3);
    let tasks = fs::read(kept.path("tasks.csv")).unwrap();
    let done = kept.run(&["--offline", "-orun.db"]);
    assert_refused(&done, "run.db is the journal");
    let mut command = csv_runner(&["--offline", "--journal=tasks.csv", "tasks.csv"]);
    command.current_dir(kept.path("."));
    assert_refused(&Running::start(command).finish(), "is not a journal");
    assert_eq!(fs::read(kept.path("tasks.csv")).unwrap(), tasks);
}

#[test]
fn bad_rows_leave_no_journal() {
    let kept = Kept::new("task_id,task_type\nx,a\n");
    assert_refused(&kept.run(&["--offline"]), "1 bad row");
    assert_eq!(files(&kept), []);
}

#[test]
fn tasks_from_a_pipe_are_gone_on_with_if_they_are_the_same() {
    let server = Server::start(|request| match request {
        2 => Answer::Hang,
        _ => Answer::OK,
    });
    let url = server.url();
    let kept = Kept::with_rows(0);
    let piped = || {
        let mut command = csv_runner(&[
            "--journal=run.db",
            "--url",
            &url,
            "--delay=0s",
            "--grace=0s",
        ]);
        command.current_dir(kept.path("."));
        command
    };
    let mut command = piped();
    let input = kept.path("piped.csv");
    fs::write(&input, tasks(0..5)).unwrap();
    let mut cat = Command::new("cat")
        .arg(&input)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    command.stdin(cat.stdout.take().unwrap());
    let running = Running::start(command);
    wait_until("all are fetched", || server.requests().len() == 5);
    std::thread::sleep(std::time::Duration::from_millis(200));
    running.signal("INT");
    cat.wait().unwrap();
    let stopped = running.finish();
    let said =
        "to go on (give it the same tasks; send the results to a new file, by > and not by >>)";
    assert!(stopped.stderr.contains(said), "{stopped:?}");

    let done = run_with(piped(), tasks(0..6).as_bytes());
    assert_refused(&done, "was begun with the input");
    let done = run_with(piped(), tasks(0..5).as_bytes());
    assert_eq!(done.rows().len(), 5, "{done:?}");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let server = Server::always(Answer::OK);
    let url = server.url();
    let rows = 20_000;
    let kept = Kept::with_rows(rows);
    let arguments = [
        "--url",
        &url,
        "--delay=0s",
        "--quiet",
        "--journal=run.db",
        "tasks.csv",
    ];
    // Less than the journal takes. The signal would end the program before writing fails.
    let script = r#"trap '' XFSZ; ulimit -f 4000; exec "$0" "$@""#;
    let mut command = in_shell(script, &arguments);
    command.current_dir(kept.path("."));
    let stopped = Running::start(command).finish();
    assert_eq!(stopped.code(), Some(4), "{stopped:?}");
    assert!(
        stopped
            .stderr
            .contains("error: a commit failed at the journal"),
        "{stopped:?}"
    );
    assert!(
        stopped.stderr.contains("check the disk, then run again"),
        "{stopped:?}"
    );
    assert!(stopped.stderr.contains("to go on"), "{stopped:?}");
    assert!(stopped.stdout.lines().count() < usize::try_from(rows).unwrap());
    let fetched = server.requests().len();

    let mut command = csv_runner(&arguments);
    command.current_dir(kept.path("."));
    let done = Running::start(command).finish();
    assert_eq!(done.code(), Some(0), "{done:?}");
    let ids = done
        .rows()
        .into_iter()
        .map(|row| row.strip_suffix(",Completed,").unwrap());
    let expected: Vec<_> = (0..rows).map(|id| id.to_string()).collect();
    assert!(ids.eq(expected));
    // What was committed before is not fetched again.
    assert!(fetched > 100, "{fetched}");
    let again = server.requests().len() as u64 - rows;
    assert!(again <= 200, "{again} of {fetched}");
}

#[test]
fn the_secrets_of_a_url_are_neither_stored_nor_shown() {
    let server = Server::start(|request| match request {
        2 => Answer::Hang,
        _ => Answer::OK,
    });
    let url = format!(
        "http://gandalf:mellon@{}/path?token=precious",
        server.address()
    );
    let kept = Kept::with_rows(5);
    let running = kept.start(&["--url", &url, "--delay=0s", "--grace=0s"]);
    wait_until("all are fetched", || server.requests().len() == 5);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_hidden(&kept, &kept.status());
    running.signal("INT");
    let stopped = running.finish();
    assert_hidden(&kept, &stopped);
    assert!(
        stopped.stderr.contains("put back the URL's secrets"),
        "{stopped:?}"
    );
    // They count all the same.
    for other in [
        url.replace("mellon", "friend"),
        url.replace("precious", "ring"),
    ] {
        let done = kept.run(&["--url", &other]);
        assert_refused(&done, "was begun with the URL");
        assert_hidden(&kept, &done);
    }
    let done = kept.run(&["--url", &url, "--delay=0s"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_hidden(&kept, &done);
}

fn assert_hidden(kept: &Kept, done: &Finished) {
    for secret in ["gandalf", "mellon", "precious"] {
        for text in [&done.stdout, &done.stderr] {
            assert!(!text.contains(secret), "{text}");
        }
        for (name, bytes) in files(kept) {
            let found = bytes
                .windows(secret.len())
                .any(|at| at == secret.as_bytes());
            assert!(!found, "{secret} is in {}", Path::new(&name).display());
        }
    }
}

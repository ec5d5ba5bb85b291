//! SIGINT, SIGTERM and SIGHUP, once and twice, and ignored.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::{Running, csv_runner, in_shell, tasks, wait_until};
use crate::server::{Answer, Server};

const CODES: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

/// Starts the program on a file of tasks that are fetched from this server.
fn start(server: &Server, arguments: &[&str], rows: u64) -> (Running, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), tasks(0..rows)).unwrap();
    let mut command = csv_runner(&["--url", &server.url()]);
    command.args(arguments).arg(file.path());
    (Running::start(command), file)
}

/// Waits until the server is asked nothing more.
fn wait_until_stalled(server: &Server) {
    let mut before = 0;
    wait_until("requests cease", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = server.requests().len();
        let stalled = now > 0 && now == before;
        before = now;
        stalled
    });
}

#[test]
fn the_first_signal_delivers_what_is_finished() {
    for (name, code) in CODES {
        for mode in ["--mode=channel", "--mode=streaming"] {
            // The first row never ends, so in input order all others stand behind it.
            let server = Server::start(|request| match request {
                0 => Answer::Hang,
                _ => Answer::OK,
            });
            let arguments = ["--delay=0s", "--grace=300ms", "--timeout=60s", mode];
            let (running, _file) = start(&server, &arguments, 50);
            wait_until("all are fetched", || server.requests().len() == 50);
            std::thread::sleep(Duration::from_millis(100));
            running.signal(name);
            let done = running.finish();
            assert_eq!(done.code(), Some(code), "{done:?}");
            assert_eq!(done.rows().len(), 49, "{mode}: {done:?}");
            assert!(
                done.stderr.contains("49 completed, 0 failed of 50 rows"),
                "{done:?}"
            );
            assert!(done.stderr.contains("1 not finished"), "{done:?}");
        }
    }
}

#[test]
fn a_request_under_way_may_end_and_what_waits_is_dropped() {
    let server = Server::always(Answer::After(Duration::from_millis(400)));
    let arguments = ["--delay=60s", "--concurrency=2"];
    let (running, _file) = start(&server, &arguments, 1_000);
    wait_until("two are fetched", || server.requests().len() == 2);
    let begun = Instant::now();
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.code(), Some(130));
    assert!(done.rows().is_empty());
    assert_eq!(server.requests().len(), 2);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(took > Duration::from_millis(200), "{took:?}");
}

#[test]
fn a_kept_row_that_did_not_finish_leaves_its_id_out() {
    let server = Server::start(|request| match request {
        0 => Answer::OK,
        _ => Answer::Hang,
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "task_id,task_type\n1,a\n1,b\n").unwrap();
    let url = server.url();
    let arguments = ["--url", &url, "--delay=0s", "--concurrency=1", "--grace=0s"];
    let mut command = csv_runner(&arguments);
    command.arg(file.path());
    let running = Running::start(command);
    wait_until("both are fetched", || server.requests().len() == 2);
    running.signal("TERM");
    let done = running.finish();
    assert_eq!(done.code(), Some(143));
    assert!(done.rows().is_empty(), "{done:?}");
    assert_eq!(done.events().len(), 1);
}

#[test]
fn a_second_signal_stops_at_once() {
    for (name, code) in CODES {
        let server = Server::always(Answer::Hang);
        let arguments = ["--grace=60s", "--timeout=60s"];
        let (running, _file) = start(&server, &arguments, 5);
        wait_until("all are fetched", || server.requests().len() == 5);
        running.signal(name);
        std::thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        running.signal(name);
        let done = running.finish();
        assert_eq!(done.code(), Some(code), "{done:?}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_signal_before_anything_runs_ends_the_program() {
    for (name, code) in CODES {
        // It waits for its input to end.
        let mut command = csv_runner(&["--offline"]);
        command.stdin(std::process::Stdio::piped());
        let mut running = Running::start(command);
        let stdin = running.child.stdin.take();
        std::thread::sleep(Duration::from_millis(300));
        running.signal(name);
        let done = running.finish();
        drop(stdin);
        assert_eq!(done.code(), Some(code), "{done:?}");
        assert!(done.stdout.is_empty());
    }
}

#[test]
fn a_standard_error_that_nobody_reads_holds_up_no_end() {
    let server = Server::always(Answer::OK);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), tasks(0..100_000)).unwrap();
    let url = server.url();
    let mut command = csv_runner(&["--delay=0s", "--grace=200ms", "--url", &url]);
    command.arg(file.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running::start_as_is_unread(command);
    // Kept open, and not read: a pipe takes some 64 KiB.
    let unread = running.child.stderr.take();
    wait_until_stalled(&server);
    running.signal("INT");
    let done = running.finish();
    drop(unread);
    assert_eq!(done.code(), Some(130));
}

#[test]
fn a_standard_output_that_nobody_reads_holds_up_no_second_signal() {
    let server = Server::always(Answer::OK);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), tasks(0..100_000)).unwrap();
    let url = server.url();
    let mut command = csv_runner(&["--delay=0s", "--quiet", "--window=1000", "--url", &url]);
    command.arg(file.path());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running::start_as_is_unread(command);
    let unread = running.child.stdout.take();
    wait_until_stalled(&server);
    running.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert!(running.child.try_wait().unwrap().is_none());
    running.signal("TERM");
    let done = running.finish();
    drop(unread);
    assert_eq!(done.code(), Some(143));
}

#[test]
fn an_interrupted_run_keeps_a_partial_file() {
    let server = Server::start(|request| match request {
        0..3 => Answer::OK,
        _ => Answer::Hang,
    });
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("results.csv");
    let path = output.to_str().unwrap();
    let arguments = ["--delay=0s", "--grace=0s", "--concurrency=1", "-o", path];
    let (running, _file) = start(&server, &arguments, 5);
    wait_until("four are fetched", || server.requests().len() == 4);
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(130));
    assert!(!output.exists());
    let partial = fs::read_to_string(folder.path().join("results.csv.partial")).unwrap();
    assert_eq!(partial.lines().count(), 4, "{partial}");
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for (ignored, other, code) in [("HUP", "TERM", 143), ("INT", "HUP", 129)] {
        // As `nohup` does, and a script's `&`.
        let server = Server::start(|request| match request {
            0 => Answer::Hang,
            _ => Answer::OK,
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), tasks(0..10)).unwrap();
        let script = format!(r#"trap '' {ignored}; exec "$0" "$@""#);
        let url = server.url();
        let arguments = [
            "--delay=0s",
            "--grace=300ms",
            "--timeout=60s",
            "--url",
            &url,
        ];
        let mut command = in_shell(&script, &arguments);
        command.arg(file.path());
        let running = Running::start(command);
        wait_until("all are fetched", || server.requests().len() == 10);
        std::thread::sleep(Duration::from_millis(100));
        running.signal(ignored);
        running.signal(other);
        let done = running.finish();
        // Had the first one been heeded, the second one would have stopped the program at once.
        assert_eq!(done.code(), Some(code), "{done:?}");
        assert_eq!(done.rows().len(), 9, "{done:?}");
        assert!(!done.stderr.contains("stopped at once"), "{done:?}");
    }
}

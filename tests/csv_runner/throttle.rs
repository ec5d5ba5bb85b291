//! Servers that ask for a pause, or allow a certain rate.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cli::{Finished, Running, csv_runner, run, tasks, wait_until};
use crate::kept::Kept;
use crate::server::{Answer, Server};

fn rows(server: &Server, count: u64, arguments: &[&str]) -> Finished {
    let url = server.url();
    let arguments = [&["--delay=0s", "--url", &url], arguments].concat();
    run(&arguments, tasks(0..count))
}

fn assert_completed(done: &Finished, count: u64) {
    assert_eq!(done.code(), Some(0), "{done:?}");
    let said = format!("{count} completed, 0 failed of {count} rows");
    assert!(done.stderr.contains(&said), "{done:?}");
}

/// A server that allows a number of requests a second, and a burst of as many.
fn server_that_allows(per_second: f64) -> Server {
    let bucket = Mutex::new((per_second, Instant::now()));
    Server::start(move |_| {
        let mut bucket = bucket.lock().unwrap();
        let (tokens, at) = *bucket;
        let now = Instant::now();
        let tokens = (tokens + (now - at).as_secs_f64() * per_second).min(per_second);
        let is_good = tokens >= 1.0;
        *bucket = (tokens - f64::from(u8::from(is_good)), now);
        if is_good {
            Answer::OK
        } else {
            Answer::with_header(429, "retry-after: 1")
        }
    })
}

#[test]
fn all_rows_complete_when_the_server_allows_a_certain_rate() {
    let server = server_that_allows(100.0);
    assert_completed(&rows(&server, 150, &["--retries=0"]), 150);
    // The first requests are sent at once, and are refused above the rate.
    let requests = server.requests().len();
    assert!(requests < 300, "{requests} requests");
}

#[test]
fn a_pause_for_one_row_holds_back_all_rows() {
    let server = Server::start(move |request| match request {
        0 => Answer::with_header(503, "retry-after: 1"),
        _ => Answer::OK,
    });
    let arguments = ["--concurrency=1", "--retries=0"];
    assert_completed(&rows(&server, 20, &arguments), 20);
    let requests = server.requests();
    assert_eq!(requests.len(), 21);
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(990), "{pause:?}");
}

#[test]
fn the_first_pause_is_reported() {
    let server = server_that_allows(10.0);
    let done = rows(&server, 12, &[]);
    let said = "HTTP 429 Too Many Requests: the server asks for a pause of 1s, for all requests\n";
    assert_eq!(done.stderr.matches(said).count(), 1, "{done:?}");
}

#[test]
fn a_row_is_reported_while_all_requests_are_held_back() {
    let server = Server::start(|request| match request {
        0 => Answer::OK,
        _ => Answer::with_header(429, "retry-after: 4"),
    });
    let begun = Instant::now();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tasks(0..20)).unwrap();
    let url = server.url();
    let mut command = csv_runner(&["--concurrency=4", "--delay=300ms", "--url", &url]);
    command.arg(file.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start_as_is_unread(command);
    let stderr = BufReader::new(running.child.stderr.take().unwrap());
    let is_reported = stderr
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains(": fetched, HTTP 200 OK"));
    assert!(is_reported);
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_interrupt_during_a_pause_stops_at_once_and_fails_no_row() {
    let server = Server::start(|request| match request {
        0 => Answer::with_header(503, "retry-after: 200"),
        _ => Answer::OK,
    });
    let url = server.url();
    let kept = Kept::with_rows(5);
    let arguments = [
        "--url",
        &url,
        "--delay=0s",
        "--retries=0",
        "--concurrency=1",
    ];
    let running = kept.start(&arguments);
    wait_until("the first row is throttled", || {
        !server.requests().is_empty()
    });
    let begun = Instant::now();
    running.signal("INT");
    let stopped = running.finish();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(stopped.code(), Some(130), "{stopped:?}");
    assert!(stopped.rows().is_empty(), "{stopped:?}");
    assert_completed(&kept.run(&arguments), 5);
}

#[test]
fn an_attempt_that_is_held_back_too_long_fails() {
    let server = Server::always(Answer::with_header(429, "retry-after: 1"));
    let done = rows(&server, 1, &["--retries=0", "--max-throttle=900ms"]);
    let message = "0,Failed,fetch_data: HTTP 429 Too Many Requests (1 attempt)";
    assert_eq!(done.rows(), [message]);
    assert_eq!(server.requests().len(), 1);

    let server = Server::always(Answer::with_header(429, "retry-after: 1"));
    let done = rows(&server, 1, &["--retries=0", "--max-throttle=1900ms"]);
    assert_eq!(done.rows(), [message]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn requests_keep_to_the_rate() {
    let server = Server::always(Answer::OK);
    assert_completed(&rows(&server, 26, &["--rate=50/s"]), 26);
    let requests = server.requests();
    let took = requests[25].at - requests[0].at;
    // 500 ms, of which a machine that is held up may make up for a part.
    assert!(took >= Duration::from_millis(350), "{took:?}");
}

#[test]
fn requests_keep_to_the_rate_after_a_pause() {
    let server = Server::start(|request| match request {
        0 => Answer::with_header(429, "retry-after: 1"),
        _ => Answer::OK,
    });
    // All rows have begun by the end of the pause.
    assert_completed(&rows(&server, 20, &["--rate=50/s"]), 20);
    let requests = server.requests();
    let took = requests[20].at - requests[1].at;
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

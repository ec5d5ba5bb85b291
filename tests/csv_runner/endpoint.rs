//! Servers that fail, are slow, hang, break off or redirect.

use std::time::{Duration, Instant};

use crate::cli::{Finished, run, tasks};
use crate::server::{Answer, Server};

/// One row, fetched from this server.
fn one_row(server: &Server, arguments: &[&str]) -> Finished {
    let url = server.url();
    let arguments = [&["--delay=0s", "--url", &url], arguments].concat();
    let done = run(&arguments, tasks([7]));
    assert_eq!(done.code(), Some(0), "{done:?}");
    done
}

/// That one row fails, with this message.
fn fails(server: &Server, arguments: &[&str], message: &str) {
    let done = one_row(server, arguments);
    assert_eq!(done.rows(), [format!("7,Failed,fetch_data: {message}")]);
    assert!(done.events().is_empty(), "{done:?}");
}

#[test]
fn an_error_that_may_pass_is_tried_three_times() {
    // Side by side, because of the pauses.
    std::thread::scope(|scope| {
        for status in [408, 421, 425, 429, 500, 503] {
            scope.spawn(move || {
                let server = Server::always(Answer::status(status));
                let done = one_row(&server, &[]);
                let row = done.rows()[0].to_owned();
                let begin = format!("7,Failed,fetch_data: HTTP {status} ");
                assert!(row.starts_with(&begin), "{row}");
                assert!(row.ends_with(" (3 attempts)"), "{row}");
                assert_eq!(server.requests().len(), 3);
            });
        }
    });
}

#[test]
fn an_error_that_will_not_pass_is_tried_once() {
    for status in [400, 401, 404, 304] {
        let server = Server::always(Answer::status(status));
        let done = one_row(&server, &[]);
        assert!(done.rows()[0].ends_with(" (1 attempt)"), "{done:?}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn no_retries_is_a_single_request() {
    let server = Server::always(Answer::status(500));
    let message = "HTTP 500 Internal Server Error (1 attempt)";
    fails(&server, &["--retries=0"], message);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_passes_at_the_third_try_is_completed() {
    let server = Server::start(|request| match request {
        0 => Answer::Close,
        1 => Answer::status(502),
        _ => Answer::OK,
    });
    let done = one_row(&server, &[]);
    assert_eq!(done.rows(), ["7,Completed,"]);
    assert_eq!(done.events(), ["task 7 (mail): fetched, HTTP 200 OK"]);
}

#[test]
fn a_server_that_hangs_is_given_up_at_the_timeout() {
    let server = Server::always(Answer::Hang);
    let message = "timed out after 60ms (2 attempts)";
    fails(&server, &["--timeout=60ms", "--retries=1"], message);
}

#[test]
fn a_server_that_is_slow_is_waited_for() {
    let server = Server::always(Answer::After(Duration::from_millis(200)));
    let done = one_row(&server, &["--timeout=10s"]);
    assert_eq!(done.rows(), ["7,Completed,"]);
}

#[test]
fn a_connection_that_is_closed_is_told() {
    let server = Server::always(Answer::Close);
    let message = "the request failed: connection closed before message completed (2 attempts)";
    fails(&server, &["--retries=1"], message);
}

#[test]
fn a_new_connection_that_is_closed_costs_an_attempt() {
    let server = Server::always(Answer::Close);
    let message = "the request failed: connection closed before message completed (1 attempt)";
    fails(&server, &["--retries=0"], message);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_reused_connection_that_breaks_costs_no_attempt() {
    for answer in [Answer::ResetNext, Answer::CloseNext] {
        let server = Server::always(answer.clone());
        let url = server.url();
        let arguments = [
            "--retries=0",
            "--delay=0s",
            "--concurrency=4",
            "--url",
            &url,
        ];
        let done = run(&arguments, tasks(0..200));
        let failed = done
            .rows()
            .into_iter()
            .find(|row| !row.ends_with(",Completed,"));
        assert_eq!(failed, None, "{answer:?}: {}", done.stderr);
        assert_eq!(server.requests().len(), 200);
    }
}

#[test]
fn a_connection_that_is_refused_is_told() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", port.local_addr().unwrap());
    drop(port);
    let done = run(&["--delay=0s", "--retries=0", "--url", &url], tasks([7]));
    let row = done.rows()[0].to_owned();
    assert!(
        row.starts_with("7,Failed,fetch_data: cannot connect: "),
        "{row}"
    );
}

#[test]
fn a_body_that_breaks_off_is_told() {
    let server = Server::always(Answer::BreakOff);
    let done = one_row(&server, &["--retries=1"]);
    let row = done.rows()[0].to_owned();
    assert!(
        row.starts_with("7,Failed,fetch_data: the answer broke off: "),
        "{row}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_body_without_an_end_is_given_up() {
    let server = Server::always(Answer::Endless);
    fails(&server, &[], "the body is longer than 1 MiB (1 attempt)");
}

#[test]
fn a_redirect_is_followed_and_a_circle_is_left() {
    let to = Server::always(Answer::OK);
    let from = Server::always(Answer::with_header(302, &format!("location: {}", to.url())));
    assert_eq!(one_row(&from, &[]).rows(), ["7,Completed,"]);

    let circle = Server::always(Answer::with_header(302, "location: /again"));
    let message = "redirected too often: too many redirects (1 attempt)";
    fails(&circle, &[], message);
}

#[test]
fn a_redirect_to_nowhere_says_what_is_missing() {
    let server = Server::always(Answer::status(302));
    fails(
        &server,
        &[],
        "HTTP 302 Found without a Location (1 attempt)",
    );
    let server = Server::always(Answer::with_header(307, "location: http://"));
    let done = one_row(&server, &[]);
    assert_eq!(
        done.rows(),
        [
            "7,Failed,fetch_data: HTTP 307 Temporary Redirect with a Location that is not a URL (1 attempt)"
        ]
    );
}

#[test]
fn the_connection_of_an_error_answer_is_used_again() {
    let server = Server::always(Answer::BodyLater(404, 600));
    let url = server.url();
    let arguments = ["--delay=0s", "--concurrency=4", "--url", &url];
    assert_eq!(run(&arguments, tasks(0..80)).rows().len(), 80);
    assert_eq!(server.requests().len(), 80);
    let connections = server.connections();
    assert!(connections <= 8, "{connections} connections");
}

#[test]
fn a_long_body_of_an_error_is_not_read() {
    for length in [64 * 1024, 64 * 1024 + 1] {
        let server = Server::always(Answer::BodyLater(404, length));
        let url = server.url();
        let arguments = ["--delay=0s", "--concurrency=1", "--url", &url];
        assert_eq!(run(&arguments, tasks(0..10)).rows().len(), 10);
        // A connection may not be back yet when the next request needs one.
        let all_are_new = server.connections() == 10;
        assert_eq!(all_are_new, length > 64 * 1024, "{length}");
    }
}

#[test]
fn an_error_is_reported_although_its_body_does_not_arrive() {
    for (arguments, longest) in [(&["--timeout=60s"][..], 5), (&["--timeout=100ms"], 1)] {
        let server = Server::always(Answer::NoBody(404));
        let begun = Instant::now();
        fails(&server, arguments, "HTTP 404 Not Found (1 attempt)");
        assert!(begun.elapsed() < Duration::from_secs(longest));
    }
}

#[test]
fn retry_after_is_waited_for() {
    let server = Server::start(|request| match request {
        0 => Answer::with_header(503, "retry-after: 1"),
        _ => Answer::OK,
    });
    assert_eq!(one_row(&server, &[]).rows(), ["7,Completed,"]);
    let requests = server.requests();
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(990), "{pause:?}");
}

#[test]
fn some_rows_may_fail() {
    let server = Server::start(|request| match request % 3 {
        0 => Answer::status(404),
        _ => Answer::OK,
    });
    let url = server.url();
    let arguments = [
        "--delay=0s",
        "--concurrency=10",
        "--mode=streaming",
        "--url",
        &url,
    ];
    let done = run(&arguments, tasks(0..300));
    assert_eq!(done.code(), Some(0));
    let rows = done.rows();
    let failed = rows.iter().filter(|row| row.contains(",Failed,")).count();
    assert_eq!((rows.len(), failed), (300, 100));
    assert!(
        done.stderr
            .contains("200 completed, 100 failed of 300 rows"),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("\n  100 failed: fetch_data: HTTP 404 Not Found")
    );
}

#[test]
fn requests_share_connections_and_keep_to_the_concurrency() {
    let server = Server::always(Answer::After(Duration::from_millis(20)));
    let begun = Instant::now();
    let url = server.url();
    run(
        &["--delay=0s", "--concurrency=4", "--url", &url],
        tasks(0..40),
    );
    // 40 requests of 20 ms, 4 at a time.
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

//! User names and passwords are used, and never shown.

use crate::cli::{Finished, csv_runner, run, run_with, tasks};
use crate::server::{Answer, Server};

fn assert_hidden(done: &Finished) {
    for secret in ["gandalf", "mellon"] {
        assert!(!done.stdout.contains(secret), "{}", done.stdout);
        assert!(!done.stderr.contains(secret), "{}", done.stderr);
    }
}

fn with_secret(server: &Server) -> String {
    format!("http://gandalf:mellon@{}/", server.address())
}

#[test]
fn they_are_sent_and_not_shown() {
    for answer in [
        Answer::OK,
        Answer::status(401),
        Answer::status(500),
        Answer::Close,
        Answer::BreakOff,
        Answer::with_header(302, "location: /again"),
        Answer::with_header(302, "location: http://gandalf:mellon@127.0.0.1:1/"),
        Answer::with_header(302, "location: ftp://gandalf:mellon@127.0.0.1:1/"),
        Answer::with_header(302, "location: http://gandalf:mellon@"),
    ] {
        let server = Server::always(answer);
        let url = with_secret(&server);
        let done = run(&["--delay=0s", "--retries=0", "--url", &url], tasks([1]));
        assert_eq!(done.rows().len(), 1, "{done:?}");
        assert_hidden(&done);
        let head = &server.requests()[0].head;
        // gandalf:mellon
        assert!(
            head.contains("authorization: Basic Z2FuZGFsZjptZWxsb24="),
            "{head}"
        );
    }
}

#[test]
fn the_variable_works_as_the_option_does() {
    let server = Server::always(Answer::OK);
    let mut command = csv_runner(&["--delay=0s"]);
    command.env("CSV_RUNNER_URL", with_secret(&server));
    let done = run_with(command, tasks([1]).as_bytes());
    assert_eq!(done.rows(), ["1,Completed,"]);
    assert_eq!(server.requests().len(), 1);

    let mut command = csv_runner(&["--help"]);
    command.env("CSV_RUNNER_URL", with_secret(&server));
    let help = run_with(command, b"");
    assert!(help.stdout.contains("CSV_RUNNER_URL"));
    assert_hidden(&help);
}

#[test]
fn a_url_that_is_none_is_not_shown() {
    for url in [
        "http://gandalf:mellon@",
        "ftp://gandalf:mellon@host/",
        "gandalf:mellon@x",
    ] {
        let done = run(&["--url", url], tasks([1]));
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains("--url"), "{done:?}");
        assert_hidden(&done);

        let done = run(&["--url", url, "--offline"], tasks([1]));
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert_hidden(&done);

        let mut command = csv_runner(&[]);
        command.env("CSV_RUNNER_URL", url);
        let done = run_with(command, tasks([1]).as_bytes());
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert_hidden(&done);
    }
}

#[test]
fn a_url_in_place_of_the_file_is_not_shown() {
    let done = run(&["http://gandalf:mellon@host/tasks.csv"], "");
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_hidden(&done);
}

#[test]
fn a_redirect_to_another_host_learns_nothing_of_the_url() {
    let to = Server::always(Answer::OK);
    // Another host, by its name.
    let location = format!("location: http://localhost:{}/", to.address().port());
    let from = Server::always(Answer::with_header(302, &location));
    let url = format!("http://gandalf:mellon@{}/?token=precious", from.address());
    let done = run(&["--delay=0s", "--url", &url], tasks([1]));
    assert_eq!(done.rows(), ["1,Completed,"], "{done:?}");
    let head = to.requests()[0].head.to_lowercase();
    for word in ["referer", "authorization", "gandalf", "mellon", "precious"] {
        assert!(!head.contains(word), "{head}");
    }
}

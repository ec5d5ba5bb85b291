//! Proxies that the environment names.

use std::process::Command;

use crate::cli::{Finished, csv_runner, run_with, tasks};
use crate::server::{Answer, Server};

fn one_row(mut command: Command, variables: &[(&str, &str)]) -> Finished {
    command.envs(variables.iter().copied());
    run_with(command, tasks([1]).as_bytes())
}

#[test]
fn offline_asks_no_proxy_and_no_endpoint() {
    let server = Server::always(Answer::status(500));
    let url = server.url();
    let variables =
        ["CSV_RUNNER_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, &*url));
    let done = one_row(csv_runner(&["--offline", "--delay=0s"]), &variables);
    assert_eq!(done.rows(), ["1,Completed,"]);
    assert!(
        done.stderr
            .contains("offline: a built-in server answers; URL is not contacted")
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_proxy_is_asked_if_the_environment_names_one() {
    let proxy = Server::always(Answer::OK);
    for address in [proxy.url(), proxy.address().to_string()] {
        let command = csv_runner(&["--delay=0s", "--url=http://endpoint.invalid/"]);
        let done = one_row(command, &[("http_proxy", &address)]);
        assert_eq!(done.rows(), ["1,Completed,"]);
        let head = &proxy.requests()[0].head;
        assert!(head.starts_with("GET http://endpoint.invalid/ "), "{head}");
    }
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn a_proxy_is_given_its_password() {
    let proxy = Server::always(Answer::OK);
    let address = format!("http://gandalf:mellon@{}", proxy.address());
    let command = csv_runner(&["--delay=0s", "--url=http://endpoint.invalid/"]);
    let done = one_row(command, &[("http_proxy", &address)]);
    assert_eq!(done.rows(), ["1,Completed,"]);
    let head = &proxy.requests()[0].head;
    // gandalf:mellon
    assert!(
        head.contains("proxy-authorization: Basic Z2FuZGFsZjptZWxsb24="),
        "{head}"
    );
}

#[test]
fn hosts_in_no_proxy_are_asked_directly() {
    let server = Server::always(Answer::OK);
    let proxy = Server::always(Answer::status(404));
    let port = server.address().port();
    let with_port = format!("127.0.0.1:{port}");
    for no_proxy in ["*", "127.0.0.1", "127.0.0.0/8", &with_port] {
        let command = csv_runner(&["--delay=0s", "--url", &server.url()]);
        let variables = [("HTTP_PROXY", &*proxy.url()), ("NO_PROXY", no_proxy)];
        let done = one_row(command, &variables);
        assert_eq!(done.rows(), ["1,Completed,"], "{no_proxy}");
    }
    assert!(proxy.requests().is_empty());

    let command = csv_runner(&["--delay=0s", "--url", &server.url()]);
    let variables = [("HTTP_PROXY", &*proxy.url()), ("NO_PROXY", "127.0.0.1:1")];
    one_row(command, &variables);
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn a_malformed_variable_runs_nothing() {
    let server = Server::always(Answer::OK);
    for (name, value, words) in [
        (
            "HTTP_PROXY",
            "http://gandalf:mellon@",
            "HTTP_PROXY: not the URL of a proxy",
        ),
        (
            "all_proxy",
            "socks5://gandalf:mellon@host",
            "all_proxy: a proxy of the scheme `socks5`",
        ),
        (
            "NO_PROXY",
            "a, host:port",
            "NO_PROXY: `host:port` is not a host",
        ),
    ] {
        let command = csv_runner(&["--delay=0s", "--url", &server.url()]);
        let done = one_row(command, &[(name, value), ("https_proxy", "proxy:1")]);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains(words), "{done:?}");
        assert!(!done.stderr.contains("mellon"), "{done:?}");
    }
    assert!(server.requests().is_empty());
}

//! `csv_runner worker` and `csv_runner --restate`, as processes.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::cli::{Finished, Running, csv_runner, wait_until};
use crate::http::{Answer, Server as Endpoint};
use crate::server::Server;

const TASKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/csv_runner/tasks.csv"
);

/// A worker that fetches this, at an address of its own.
struct Worker {
    address: String,
    url: String,
    running: Running,
}

impl Worker {
    fn start(server: &Server, url: &str, delay: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let url = url.to_owned();
        let running = Self::spawn(server, &address, &url, delay);
        Self {
            address,
            url,
            running,
        }
    }

    fn spawn(server: &Server, address: &str, url: &str, delay: &str) -> Running {
        Running::start(csv_runner(&[
            "worker",
            "--listen",
            address,
            "--register",
            &server.admin(),
            "--url",
            url,
            "--delay",
            delay,
        ]))
    }

    /// Kills it, and starts it again.
    fn kill(&mut self, server: &Server, delay: &str) {
        self.running.signal("KILL");
        let again = Self::spawn(server, &self.address, &self.url, delay);
        let killed = std::mem::replace(&mut self.running, again);
        killed.finish();
    }
}

/// `csv_runner` on these tasks, at this server.
fn command(server: &Server, tasks: &str, more: &[&str]) -> Command {
    let ingress = server.ingress();
    let mut arguments = vec!["--restate", &ingress, tasks];
    arguments.extend(more);
    csv_runner(&arguments)
}

/// Runs it, as soon as the worker is known.
async fn run(server: &Server, tasks: &str, more: &[&str]) -> Finished {
    while server
        .query("SELECT id FROM sys_deployment")
        .await
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Running::start(command(server, tasks, more)).finish()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn the_results_are_those_of_a_run_without_a_server() {
    let server = Server::start().await;
    let endpoint = Endpoint::start(|request| match request {
        3 => Answer::status(404),
        _ => Answer::OK,
    });
    let worker = Worker::start(&server, &endpoint.url(), "100ms");
    let done = run(&server, TASKS, &[]).await;
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len(), 3, "{done:?}");
    let failed = done
        .rows()
        .iter()
        .filter(|row| row.contains("Failed"))
        .count();
    assert!(failed <= 1, "{done:?}");
    assert!(
        done.stderr.contains("3 completed, 1 failed of 4 rows"),
        "{done:?}"
    );
    assert!(
        done.stderr.contains("1 failed: fetch_data: HTTP 404"),
        "{done:?}"
    );
    // It says how to come back, and that gives the same and runs nothing.
    let (_, said) = done.stderr.split_once("--run=").unwrap();
    let run_again = format!("--run={}", said.split_whitespace().next().unwrap());
    let again = run(&server, TASKS, &[&run_again]).await;
    assert_eq!(again.stdout, done.stdout);
    assert_eq!(endpoint.requests().len(), 4);
    // Events are the worker's to report. It ends as it is told to.
    worker.running.signal("TERM");
    let worker = worker.running.finish();
    assert_eq!(worker.code(), Some(0), "{worker:?}");
    assert_eq!(worker.events().len(), 3, "{worker:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_that_is_killed_in_a_fetch_or_a_delay_loses_no_row() {
    let mut server = Server::start().await;
    let endpoint = Endpoint::start(|_| Answer::After(Duration::from_millis(300)));
    let mut worker = Worker::start(&server, &endpoint.url(), "4s");
    let tasks = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(tasks.path(), crate::cli::tasks(0..50)).unwrap();
    let tasks = tasks.path().to_str().unwrap();
    while server
        .query("SELECT id FROM sys_deployment")
        .await
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let running = Running::start(command(&server, tasks, &["--run=killed", "--grace=0s"]));
    wait_until("some are fetched", || endpoint.requests().len() >= 20);
    worker.kill(&server, "4s");
    wait_until("all are fetched", || endpoint.requests().len() >= 60);
    tokio::time::sleep(Duration::from_millis(600)).await;
    worker.kill(&server, "4s");
    // In the delay, the server too; and who waits for the results is interrupted.
    server.kill();
    server.restart().await;
    running.signal("INT");
    let interrupted = running.finish();
    assert_eq!(interrupted.code(), Some(130), "{interrupted:?}");
    assert!(interrupted.stderr.contains("to go on"), "{interrupted:?}");

    let done = run(&server, tasks, &["--run=killed"]).await;
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len(), 50);
    assert!(
        done.rows().iter().all(|row| row.ends_with("Completed,")),
        "{done:?}"
    );
    // Each kill may have caught fetches, no more than there are tasks; nothing was fetched in the delay.
    assert!(
        endpoint.requests().len() <= 100,
        "{}",
        endpoint.requests().len()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn other_tasks_under_the_same_name_are_an_error() {
    let server = Server::start().await;
    let endpoint = Endpoint::start(|_| Answer::OK);
    let _worker = Worker::start(&server, &endpoint.url(), "0s");
    let done = run(&server, TASKS, &["--run=monday"]).await;
    assert_eq!(done.code(), Some(0), "{done:?}");
    let others = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(others.path(), "task_id,task_type\n7,other\n").unwrap();
    let done = run(&server, others.path().to_str().unwrap(), &["--run=monday"]).await;
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert!(
        done.stderr.contains("the run `monday` had another task"),
        "{done:?}"
    );
    assert!(done.rows().is_empty(), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn without_a_worker_it_says_so() {
    let server = Server::start().await;
    let done = Running::start(command(&server, TASKS, &[])).finish();
    assert_eq!(done.code(), Some(1), "{done:?}");
    let says = "no worker is registered at";
    assert!(
        done.stderr.contains(says) && done.stderr.contains("`ProcessData`"),
        "{done:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_says_why_a_task_does_not_go_on() {
    let server = Server::start().await;
    let endpoint = Endpoint::start(|_| Answer::OK);
    let worker = Worker::start(&server, &endpoint.url(), "0s");
    run(&server, TASKS, &[]).await;
    let url = format!("{}/ProcessData/run/send", server.ingress());
    let request = crate::server::http().post(url);
    let request = request.header("content-type", "application/json");
    let sent = request.body(r#"{"input": 5}"#).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    let sql = "SELECT last_failure FROM sys_invocation WHERE last_failure LIKE '%can''t read%'";
    while server.query(sql).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.running.signal("TERM");
    let worker = worker.running.finish();
    assert_eq!(worker.code(), Some(0), "{worker:?}");
    let says =
        "a task stands at `fetch_data` of `ProcessData` with a value that this worker can't read";
    assert!(worker.stderr.contains(says), "{worker:?}");
    assert!(!worker.stderr.contains("panicked"), "{worker:?}");
}

#[test]
fn what_is_the_workers_to_know_is_a_usage_error() {
    for option in [
        "--url=http://localhost/",
        "--offline",
        "--delay=1s",
        "--retries=1",
        "--journal=j",
    ] {
        let done =
            Running::start(csv_runner(&["--restate=http://localhost:1", option, TASKS])).finish();
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains("--restate"), "{done:?}");
    }
}

#[test]
fn a_worker_whose_address_is_taken_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = Running::start(csv_runner(&["worker", "--offline", "--listen", &address])).finish();
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(
        done.stderr.contains(&format!("cannot listen at {address}")),
        "{done:?}"
    );
}

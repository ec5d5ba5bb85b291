//! `csv_runner worker` and `csv_runner --restate`, as processes.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::cli::{Finished, Running, csv_runner, wait_until};
use crate::http::{Answer, Server as Endpoint};
use crate::server::Server;
use crate::worker::Working;

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
    server.knows(1).await;
    // A server that was killed may take most of a minute until it has all of its partitions again.
    Running::start(command(server, tasks, more)).finish_within(crate::LIMIT)
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
    let quietly = run(&server, TASKS, &["--quiet"]).await;
    assert!(quietly.stderr.contains("--run="), "{quietly:?}");
    assert_eq!(quietly.stderr.lines().count(), 1, "{quietly:?}");
    // Events are the worker's to report. It ends as it is told to.
    worker.running.signal("TERM");
    let worker = worker.running.finish();
    assert_eq!(worker.code(), Some(0), "{worker:?}");
    assert_eq!(worker.events().len(), 7, "{worker:?}");
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
    server.knows(1).await;
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
    let done = run(&server, TASKS, &["--run=monday", "--quiet"]).await;
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.stderr, "");
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
    let says = "no worker is registered for `ProcessData`";
    assert!(done.stderr.contains(says), "{done:?}");
}

/// An earlier version of what `csv_runner` does, with another type between the same steps.
mod earlier {
    use std::time::Duration;

    use orchestrator::blueprint;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Serialize, Deserialize)]
    struct Row {
        row: Value,
    }

    pub(super) struct ProcessData;

    #[blueprint]
    impl ProcessData {
        #[step]
        async fn fetch_data(&self, row: Value) -> Row {
            Row { row }
        }

        #[delay]
        fn long_delay(&self) -> Duration {
            Duration::from_millis(1_500)
        }

        #[step]
        async fn emit_event(&self, row: Row) -> Value {
            json!({ "task": row.row, "status": 200 })
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_of_other_code_says_why_tasks_do_not_go_on_and_they_wait_for_theirs() {
    let server = Server::start().await;
    let endpoint = Endpoint::start(|_| Answer::OK);
    let right = Working::on(&server, earlier::ProcessData).await;
    let address = right.address.to_string();
    let running = Running::start(command(&server, TASKS, &[]));
    server.has_waiting(4).await;
    right.crash().await;

    let wrong = Worker::spawn(&server, &address, &endpoint.url(), "0s");
    let sql = "SELECT last_failure FROM sys_invocation WHERE last_failure LIKE '%can''t read%'";
    server.rows(sql, 4).await;
    wrong.signal("TERM");
    let wrong = wrong.finish();
    assert_eq!(wrong.code(), Some(0), "{wrong:?}");
    let says =
        "a task stands at `emit_event` of `ProcessData` with a value that this worker can't read";
    assert!(wrong.stderr.contains(says), "{wrong:?}");
    assert!(!wrong.stderr.contains("panicked"), "{wrong:?}");
    assert!(wrong.events().is_empty(), "{wrong:?}");

    let _right = Working::at(&server, &address, earlier::ProcessData).await;
    let done = running.finish_within(crate::LIMIT);
    assert_eq!(done.code(), Some(0), "{done:?}");
    // Two rows have the same id.
    assert_eq!(done.rows().len(), 3, "{done:?}");
    assert!(endpoint.requests().is_empty());
}

#[test]
fn what_is_the_workers_to_know_is_a_usage_error() {
    for option in [
        "--url=http://localhost/",
        "--offline",
        "--delay=1s",
        "--retries=1",
        "--journal=j",
        "--fresh",
        "--retry-failed",
    ] {
        let done =
            Running::start(csv_runner(&["--restate=http://localhost:1", option, TASKS])).finish();
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains("--restate"), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_says_nothing_of_tasks_that_wait() {
    let server = Server::impatient().await;
    let endpoint = Endpoint::start(|_| Answer::OK);
    let worker = Worker::start(&server, &endpoint.url(), "3s");
    let done = run(&server, TASKS, &[]).await;
    assert_eq!(done.code(), Some(0), "{done:?}");
    worker.running.signal("TERM");
    let worker = worker.running.finish();
    let said = worker.stderr.lines().count() - worker.events().len();
    assert_eq!(
        said, 2,
        "where it is, and that it was told to end: {worker:?}"
    );
}

#[test]
fn a_worker_at_all_addresses_is_not_registered_without_one_to_call() {
    let worker = ["worker", "--offline", "--listen=0.0.0.0:0"];
    let register = ["--register=http://127.0.0.1:1"];
    let done = Running::start(csv_runner(&[&worker[..], &register].concat())).finish();
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("--advertise"), "{done:?}");
    assert!(!done.stderr.contains("is served"), "{done:?}");
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

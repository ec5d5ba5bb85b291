//! Servers that say nothing, or not what was expected.

use std::time::{Duration, Instant};

use futures_util::{TryStreamExt as _, stream};
use orchestrator::restate::{Client, Worker};
use orchestrator::{Task, TaskResults};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;
use crate::trace::{Order, Trace};
use crate::worker::Working;

/// Submits a task that takes a while, to a server that is to be out of reach for no longer than a second.
fn start(url: &str) -> TaskResults<String> {
    crate::server::install_crypto();
    let client = Client::<Trace>::new(url).unwrap();
    let orchestrator = client.patience(Duration::from_secs(1)).orchestrator();
    let order = Order {
        delay: 600_000,
        ..Order::default()
    };
    orchestrator.execute_tasks_streaming(stream::iter([Task::new(1, order)]))
}

/// Why the run was stopped.
async fn stopped(results: TaskResults<String>) -> String {
    let ends = results.try_collect::<Vec<_>>();
    let ended = tokio::time::timeout(crate::LIMIT, ends).await.unwrap();
    format!("{:#}", ended.unwrap_err())
}

#[tokio::test]
async fn who_says_nothing_from_the_start_stops_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let began = Instant::now();
    let why = stopped(start(&url)).await;
    assert!(
        why.starts_with("out of reach for 1s: cannot reach"),
        "{why}"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_server_that_says_nothing_any_more_stops_the_run() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let results = start(&server.ingress());
    server.has_waiting(1).await;
    server.signal("STOP");
    let why = stopped(results).await;
    server.signal("CONT");
    assert!(
        why.starts_with("out of reach for 1s: cannot reach"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_is_registered_though_the_server_ends_meanwhile() {
    let server = Server::start().await;
    let admin = server.admin()["http://".len()..].to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // It takes the request, and is gone.
        let (mut ends, _) = listener.accept().await.unwrap();
        ends.read_u8().await.unwrap();
        drop(ends);
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = TcpStream::connect(&admin).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    crate::server::install_crypto();
    let worker = Worker::new()
        .serve(Trace::default())
        .unwrap()
        .register(format!("http://{address}"));
    let _worker = tokio::spawn(worker.listen("127.0.0.1:0"));
    server.knows(1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn times_without_end_are_registered() {
    let server = Server::start().await;
    let worker = Worker::new()
        .longest_step(Duration::MAX)
        .retention(Duration::MAX)
        .serve(Trace::default())
        .unwrap();
    let working = Working::with(&server, worker).await;
    assert!(!working.task.is_finished());
    server.knows(1).await;
}

#[tokio::test]
async fn a_path_that_is_none_breaks_no_connection() {
    crate::server::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let worker = Worker::new().serve(Trace::default()).unwrap();
    let worker = tokio::spawn(worker.listen_on(listener));
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let client = client.build().unwrap();
    for (path, status) in [
        ("", 400),
        ("no", 400),
        ("no/such", 400),
        ("no/such/path", 400),
        ("invoke/No/run", 415),
        ("health", 200),
    ] {
        let answer = client.get(format!("http://{address}/{path}")).send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    worker.abort();
}

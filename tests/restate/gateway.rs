//! A proxy before the ingress, which says things of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orchestrator::restate::Client;
use orchestrator::{Task, TaskErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;
use crate::trace::{Order, Trace};
use crate::worker::Working;

/// What is said to a task of this number and in these words; if nothing, it goes on to the ingress.
type Says = fn(usize, &str) -> Option<(u16, &'static str)>;

async fn gateway(server: &Server, says: Says) -> String {
    let ingress: SocketAddr = server.ingress()["http://".len()..].parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let counted = Arc::new(AtomicUsize::new(0));
        while let Ok((mut from, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut begin = [0; 4096];
                let length = from.read(&mut begin).await.unwrap();
                let begin = &begin[..length];
                // Whether the server is well is asked, too.
                if begin.starts_with(b"POST") {
                    let count = counted.fetch_add(1, Ordering::Relaxed);
                    if let Some((status, body)) = says(count, &String::from_utf8_lossy(begin)) {
                        return answer(&mut from, status, body).await;
                    }
                }
                let mut to = TcpStream::connect(ingress).await.unwrap();
                to.write_all(begin).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    format!("http://{address}")
}

async fn answer(to: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}");
    let _ = to
        .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
        .await;
}

/// A client that makes a connection for each request.
fn client(url: &str) -> Client<Trace> {
    crate::server::install_crypto();
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0);
    Client::new(url).unwrap().http(http.build().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn what_a_gateway_says_ends_neither_a_task_nor_the_run() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let url = gateway(&server, |count, _| {
        let said = [
            (500, r#"{"code": 500, "message": "oops"}"#),
            (403, r#"{"message": "who are you?"}"#),
            (200, "<html>Sign in</html>"),
            (404, r#"{"message": "no such page"}"#),
            (422, r#"{"code": 422, "message": "no"}"#),
            (502, ""),
        ];
        said.get(count).copied()
    })
    .await;
    let orchestrator = client(&url).orchestrator();
    let tasks = vec![Task::new(1, Order::default())];
    let results = orchestrator.execute_tasks(tasks).await.unwrap();
    assert_eq!(results[0].outcome.as_ref().unwrap(), "1 after 1");
    assert_eq!(trace.begun("look"), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_task_that_is_too_large_for_the_server_fails_alone() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let url = gateway(&server, |_, request| {
        request.contains("/1\r\n").then_some((413, "too large"))
    })
    .await;
    one_fails(client(&url), "answers 413").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_task_that_a_gateway_goes_on_to_refuse_fails_alone() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let url = gateway(&server, |_, request| {
        request.contains("/1\r\n").then_some((403, "secret"))
    })
    .await;
    let client = client(&url).patience(Duration::from_secs(1));
    one_fails(client, "not taken for 1s: ").await;
}

/// Of three tasks the second one fails, and says this.
async fn one_fails(client: Client<Trace>, says: &str) {
    let client = client.run("run").unwrap();
    // The first one comes through before that is asked for.
    let orchestrator = client.orchestrator().concurrency(1);
    let tasks = (0..3).map(|id| Task::new(id, Order::default()));
    let results = orchestrator.execute_tasks(tasks);
    let results = tokio::time::timeout(crate::LIMIT, results)
        .await
        .unwrap()
        .unwrap();
    let failed = results[1].outcome.as_ref().unwrap_err();
    assert_eq!(failed.kind(), TaskErrorKind::Failed);
    assert_eq!((failed.step(), failed.attempts()), ("look", 0));
    let failed = failed.to_string();
    assert!(
        failed.contains(says) && !failed.contains("secret"),
        "{failed}"
    );
    for other in [&results[0], &results[2]] {
        assert!(other.outcome.is_ok(), "{other:?}");
    }
}

#[tokio::test]
async fn who_never_takes_a_task_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let _ = from.read(&mut [0; 4096]).await;
            answer(&mut from, 401, "secret").await;
        }
    });
    let orchestrator = client(&url).patience(Duration::ZERO).orchestrator();
    let run = orchestrator.execute_tasks([Task::new(1, Order::default())]);
    let stopped = format!("{:#}", run.await.unwrap_err());
    assert!(
        stopped.contains("not taken for 0ns") && stopped.contains("answers 401"),
        "{stopped}"
    );
    assert!(!stopped.contains("secret"), "{stopped}");
}

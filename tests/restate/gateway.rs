//! A proxy before the ingress, which says things of its own.

use std::net::SocketAddr;

use orchestrator::restate::Client;
use orchestrator::{Task, TaskErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;
use crate::trace::{Order, Trace};
use crate::worker::Working;

/// Answers requests with these, one after the other: a status and a body. Those after them go to the ingress.
async fn gateway(server: &Server, answers: &'static [(u16, &'static str)]) -> String {
    let ingress: SocketAddr = server.ingress()["http://".len()..].parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut answers = answers.iter();
        while let Ok((mut from, _)) = listener.accept().await {
            let answer = answers.next();
            tokio::spawn(async move {
                let Some((status, body)) = answer else {
                    let mut to = TcpStream::connect(ingress).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    return;
                };
                let mut request = [0; 4096];
                let _ = from.read(&mut request).await;
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = from.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}")
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
    let url = gateway(
        &server,
        &[
            (500, r#"{"code": 500, "message": "oops"}"#),
            (403, r#"{"message": "who are you?"}"#),
            (200, "<html>Sign in</html>"),
            (404, r#"{"message": "no such page"}"#),
            (422, r#"{"code": 422, "message": "no"}"#),
            (502, ""),
        ],
    )
    .await;
    let orchestrator = client(&url).orchestrator();
    let tasks = vec![Task::new(1, Order::default())];
    let results = orchestrator.execute_tasks(tasks).await;
    assert_eq!(results[0].outcome.as_ref().unwrap(), "1 after 1");
    assert_eq!(trace.begun("look"), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_task_that_is_too_large_for_the_server_fails_alone() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let url = gateway(&server, &[(413, "too large")]).await;
    let orchestrator = client(&url).orchestrator().concurrency(1);
    let tasks = (0..3).map(|id| Task::new(id, Order::default()));
    let results = orchestrator.execute_tasks(tasks).await;
    let (failed, others): (Vec<_>, Vec<_>) =
        results.iter().partition(|result| result.outcome.is_err());
    assert_eq!((failed.len(), others.len()), (1, 2), "{results:?}");
    let error = failed[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Failed);
    assert!(error.to_string().contains("413"), "{error}");
}

#[tokio::test]
async fn who_never_takes_a_task_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = from.read(&mut request).await;
            let answer = "HTTP/1.1 401 No\r\nconnection: close\r\ncontent-length: 6\r\n\r\nsecret";
            let _ = from.write_all(answer.as_bytes()).await;
        }
    });
    let orchestrator = client(&url)
        .patience(std::time::Duration::ZERO)
        .orchestrator();
    let mut results = orchestrator
        .execute_tasks_streaming(futures_util::stream::iter([Task::new(1, Order::default())]));
    while results.recv().await.is_some() {}
    let stopped = format!("{:#}", results.stopped_by().unwrap());
    assert!(
        stopped.contains("not taken for 0ns") && stopped.contains("answers 401"),
        "{stopped}"
    );
    assert!(!stopped.contains("secret"), "{stopped}");
}

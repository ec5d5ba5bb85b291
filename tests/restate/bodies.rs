//! Requests to a worker whose body is too large. No server is needed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http_body::{Body, Frame};
use orchestrator::blueprint;
use orchestrator::restate::Worker;
use reqwest::{Client, StatusCode};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

const CHUNK: usize = 16 * 1024;

struct Ship;

#[blueprint]
impl Ship {
    #[step]
    async fn ship(&self, order: u64) -> u64 {
        order
    }
}

/// Listens with this worker until it is aborted.
async fn listen(worker: Worker) -> (SocketAddr, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(worker.serve(Ship).unwrap().listen_on(listener));
    (address, serving.abort_handle())
}

fn call(address: SocketAddr, body: reqwest::Body) -> reqwest::RequestBuilder {
    crate::server::install_crypto();
    let client = Client::builder().no_proxy().http2_prior_knowledge();
    let client = client.build().unwrap();
    client
        .post(format!("http://{address}/invoke/Ship/run"))
        .header("content-type", "application/vnd.restate.invocation.v5")
        .body(body)
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused() {
    let (address, worker) = listen(Worker::new()).await;
    let body = vec![0; (8 << 20) + 1];
    let answer = call(address, body.into()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    worker.abort();

    let (address, worker) = listen(Worker::new().max_request_body(100)).await;
    for (length, is_refused) in [(100, false), (101, true)] {
        let answer = call(address, vec![0; length].into()).send().await.unwrap();
        let status = answer.status();
        assert_eq!(
            status == StatusCode::PAYLOAD_TOO_LARGE,
            is_refused,
            "{status}"
        );
    }
    worker.abort();
}

/// The begin of a message that is as long as a message can be, and no end.
struct Endless {
    has_begun: bool,
    sent: Arc<AtomicUsize>,
}

impl Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut chunk = vec![0; CHUNK];
        if !std::mem::replace(&mut self.has_begun, true) {
            chunk[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        }
        self.sent.fetch_add(CHUNK, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}

#[tokio::test]
async fn a_body_without_an_end_breaks_off_at_the_bound() {
    const BOUND: usize = 1 << 20;
    let (address, worker) = listen(Worker::new().max_request_body(BOUND)).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let body = Endless {
        has_begun: false,
        sent: Arc::clone(&sent),
    };
    let call = async {
        let answer = call(address, reqwest::Body::wrap(body)).send().await;
        if let Ok(answer) = answer {
            drop(answer.bytes().await);
        }
    };
    tokio::time::timeout(crate::LIMIT, call).await.unwrap();
    let sent = sent.load(Ordering::Relaxed);
    // The windows of HTTP/2 come on top.
    assert!(sent > BOUND && sent < 4 * BOUND, "{sent} bytes were sent");
    worker.abort();
}

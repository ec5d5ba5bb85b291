//! The HTTP side of a worker: [`serve`].

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use restate_sdk::endpoint::Endpoint;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::line::{Answering, Line, bounded};

/// The paths of a worker that have but one segment.
const KNOWN: [&str; 2] = ["/health", "/discover"];

/// How long nobody is let in after one could not be: for want of file descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(50);

/// How long no step has to have executed until the connections are cut at a shutdown: what the last one came
/// to is on its way to the server meanwhile.
const QUIET: Duration = Duration::from_millis(300);

/// Serves until the shutdown, and then until no step executes any more, for the grace time at most.
///
/// No connection is taken after the shutdown. The listener stays open until the end: a server that is refused
/// takes the worker for broken. Requests with a body of more than `max_body` bytes are refused.
///
/// # Cancel safety
///
/// Dropping it drops what it serves.
pub(super) async fn serve(
    listener: TcpListener,
    endpoint: Endpoint,
    max_body: usize,
    shutdown: &CancellationToken,
    grace: Duration,
    executing: &AtomicUsize,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Small frames are all that there is; an error would show when they are written.
                let _ = stream.set_nodelay(true);
                let endpoint = endpoint.clone();
                let service = service_fn(move |request| answer(&endpoint, max_body, request));
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!("a connection broke: {error}");
                    }
                });
            }
            Err(error) => {
                if !is_of_the_peer(&error) {
                    tracing::warn!("a connection could not be taken: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Connections stay as they are: a server that is told of their end while it opens calls takes them for
    // broken, with all the calls that they carry. What is called now begins no step. Tasks that wait keep their
    // calls open, which is no reason to wait for them.
    let _ = tokio::time::timeout(grace, quiet(executing)).await;
    drop((listener, connections));
}

/// Answers a request. The work is done as the body of the response is sent.
fn answer(
    endpoint: &Endpoint,
    max_body: usize,
    request: Request<Incoming>,
) -> Ready<Result<Response<Answering>, Infallible>> {
    let (mut head, body) = request.into_parts();
    // The lower bound is the content-length. Without one, the body breaks off at the bound.
    if body.size_hint().lower() > max_body as u64 {
        let mut refused = Response::new(Answering::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return ready(Ok(refused));
    }
    // The SDK looks at the last three segments of a path, and does not expect that there are fewer.
    if head.uri.path().split('/').count() < 3 && !KNOWN.contains(&head.uri.path()) {
        head.uri = Uri::from_static("/no/such/path");
    }
    let line = Line::new(bounded(body, max_body));
    let request = Request::from_parts(head, line.clone());
    let response = endpoint.handle(request);
    ready(Ok(response.map(|body| Answering::new(body, line))))
}

/// Waits until no step has executed for a while.
async fn quiet(executing: &AtomicUsize) {
    const LOOK: Duration = Duration::from_millis(20);
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(LOOK).await;
        if executing.load(Ordering::Relaxed) > 0 {
            since = Instant::now();
        }
    }
}

/// Whether who wanted to connect has gone.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}

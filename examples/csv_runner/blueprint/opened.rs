//! Whether a request opened a connection or used an idle one: [`opened_by`].

use std::cell::Cell;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// The connection that the request of this task has opened last.
    static OPENED: Cell<Option<ConnectionId>>;
}

/// A connection, for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionId {
    local: SocketAddr,
    remote: SocketAddr,
}

impl ConnectionId {
    fn of(connected: &Connected) -> Option<Self> {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        extensions.get().map(|info: &HttpInfo| Self {
            local: info.local_addr(),
            remote: info.remote_addr(),
        })
    }

    /// The connection that a request failed on, if it had one.
    pub(super) fn of_failed(error: &reqwest::Error) -> Option<Self> {
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let error = causes.find_map(|cause| cause.downcast_ref::<legacy::Error>())?;
        Self::of(error.connect_info()?)
    }
}

/// Runs `request`, and returns its output and the connection that it opened, if any.
///
/// The client that sends it needs [`NoteOpened`] as a connector layer. The request may still have used
/// another connection: the pool hands out whichever is ready first.
pub(super) async fn opened_by<F: Future>(request: F) -> (F::Output, Option<ConnectionId>) {
    let noted = async {
        let output = request.await;
        (output, OPENED.with(Cell::get))
    };
    OPENED.scope(Cell::new(None), noted).await
}

/// Notes each connection that is opened. `reqwest` itself does not tell whether a request that failed was
/// the first one on its connection.
#[derive(Clone)]
pub(super) struct NoteOpened;

/// A connector under [`NoteOpened`].
#[derive(Clone)]
pub(super) struct Noting<S>(S);

impl<S> Layer<S> for NoteOpened {
    type Service = Noting<S>;

    fn layer(&self, connector: S) -> Noting<S> {
        Noting(connector)
    }
}

impl<S, R> Service<R> for Noting<S>
where
    S: Service<R, Response: Connection>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            let connection = connecting.await?;
            // An error if the request got another connection, and a task of hyper's finishes this one.
            let _ = OPENED.try_with(|opened| opened.set(ConnectionId::of(&connection.connected())));
            Ok(connection)
        })
    }
}

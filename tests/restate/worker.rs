//! Workers in this process: [`Working`].

use std::net::SocketAddr;

use orchestrator::Durable;
use orchestrator::restate::{RestateError, Worker};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::server::Server;

/// A worker that is listening, until it is dropped.
pub(crate) struct Working {
    pub(crate) address: SocketAddr,
    pub(crate) task: JoinHandle<Result<(), RestateError>>,
    shutdown: Option<DropGuard>,
}

impl Working {
    /// Serves this blueprint, and is known to the server.
    pub(crate) async fn on<B: Durable>(server: &Server, blueprint: B) -> Self {
        Self::at(server, "127.0.0.1:0", blueprint).await
    }

    pub(crate) async fn at<B: Durable>(server: &Server, address: &str, blueprint: B) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let worker = Worker::new()
            .shutdown(shutdown.clone())
            .serve(blueprint)
            .unwrap()
            .register(server.admin());
        let working = Self {
            address,
            task: tokio::spawn(worker.listen_on(listener)),
            shutdown: Some(shutdown.drop_guard()),
        };
        let known = "SELECT id FROM sys_deployment";
        while server.query(known).await.is_empty() && !working.task.is_finished() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        working
    }

    /// Ends it as a crash would: what it does is dropped, and its connections are cut.
    pub(crate) async fn crash(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Ends it as it should be ended.
    pub(crate) async fn end(mut self) -> Result<(), RestateError> {
        drop(self.shutdown.take());
        (&mut self.task).await.unwrap()
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! Workers in this process: [`Working`].

use std::net::SocketAddr;
use std::time::Duration;

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

    /// At this address.
    pub(crate) async fn at<B: Durable>(server: &Server, address: &str, blueprint: B) -> Self {
        let shutdown = CancellationToken::new();
        let worker = Worker::new()
            .shutdown(shutdown.clone())
            .serve(blueprint)
            .unwrap();
        let mut working = Self::listening(server, address, worker).await;
        working.shutdown = Some(shutdown.drop_guard());
        working
    }

    /// This worker.
    pub(crate) async fn with(server: &Server, worker: Worker) -> Self {
        Self::listening(server, "127.0.0.1:0", worker).await
    }

    async fn listening(server: &Server, address: &str, worker: Worker) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let worker = worker.register(server.admin());
        let working = Self {
            address,
            task: tokio::spawn(worker.listen_on(listener)),
            shutdown: None,
        };
        let is_known = async {
            while !working.task.is_finished() {
                let known = server.query("SELECT id FROM sys_deployment").await;
                if !known.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(crate::LIMIT, is_known).await.unwrap();
        working
    }

    /// Ends it as a crash would: what it does is dropped, and its connections are cut.
    pub(crate) async fn crash(self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
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

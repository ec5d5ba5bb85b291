//! The blueprint: [`ProcessData`].

use std::sync::Arc;
use std::time::Duration;

use orchestrator::blueprint;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::super::terminal::{Terminal, one_line};
use super::fetch::fetch;
use super::http::HttpClient;
use super::status_code;

/// A row of the tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskInput {
    pub(crate) task_id: u64,
    /// Shared: a million tasks that wait are of a few types.
    pub(crate) task_type: Arc<str>,
}

/// A row whose fetch has succeeded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fetched {
    task: TaskInput,
    #[serde(with = "status_code")]
    status: StatusCode,
}

/// What is done for a row: fetch, wait, report.
pub(crate) struct ProcessData {
    pub(crate) http: HttpClient,
    /// May hold a password, so there is no `Debug` here.
    pub(crate) url: Url,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) delay: Duration,
    pub(crate) terminal: Terminal,
}

#[blueprint]
impl ProcessData {
    /// GET the endpoint. What another request will not mend is marked permanent.
    #[step(timeout = self.timeout, retry(times = self.retries, backoff = "200ms"))]
    async fn fetch_data(&self, task: TaskInput) -> anyhow::Result<Fetched> {
        let status = fetch(&self.http, &self.url).await?;
        Ok(Fetched { task, status })
    }

    /// Let the upstream settle.
    #[delay]
    fn long_delay(&self, _: &Fetched) -> Duration {
        self.delay
    }

    /// Tell the operator.
    #[step]
    async fn emit_event(&self, fetched: &Fetched) {
        let Fetched { task, status } = fetched;
        let kind = one_line(&task.task_type);
        let line = format!("task {} ({kind}): fetched, HTTP {status}", task.task_id);
        self.terminal.event(line).await;
    }
}

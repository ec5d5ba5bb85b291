//! The blueprint: [`ProcessData`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use orchestrator::{Rate, StepContext, blueprint, permanent, retry_after};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::printable::one_line;
use super::super::terminal::Terminal;
use super::fetch::{Endpoint, Unfetched};
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
    pub(crate) endpoint: Endpoint,
    /// The most requests at once.
    pub(crate) concurrency: usize,
    /// The most requests in a time.
    pub(crate) rate: Rate,
    pub(crate) retries: u32,
    pub(crate) delay: Duration,
    pub(crate) terminal: Terminal,
}

#[blueprint]
impl ProcessData {
    /// GET the endpoint.
    // The fn counts the attempts itself: it needs one that is never counted, to give the row back at a
    // shutdown. It has a timeout for each request, and not for the step, which includes pauses that the
    // server asks for. Its limit leaves one place in the run for reports while requests wait for a pause.
    #[step(
        limit = self.concurrency,
        rate = self.rate,
        retry(times = u32::MAX, backoff = "200ms"),
    )]
    async fn fetch_data(&self, task: TaskInput, cx: &StepContext) -> anyhow::Result<Fetched> {
        match self.endpoint.fetch(cx, &self.terminal).await {
            Ok(status) => Ok(Fetched { task, status }),
            Err(Unfetched::Failed(error)) if cx.attempt() > self.retries => Err(permanent(error)),
            Err(Unfetched::Failed(error)) => Err(error),
            Err(Unfetched::ShutDown) => Err(retry_after(anyhow!("held back"), Duration::ZERO)),
        }
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

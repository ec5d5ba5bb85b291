//! The callers' ends of the channel door: [`ExecuteTasks`], [`TaskSender`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream as _;
use tokio::sync::mpsc;

use crate::engine::discard_all;
use crate::{Task, TaskResult, TaskResults};

/// The future of [`Orchestrator::execute_tasks`](crate::Orchestrator::execute_tasks): ready with all results, in the tasks' order.
#[must_use = "the tasks are run when this is awaited"]
pub struct ExecuteTasks<O> {
    /// What begins the run, until it has begun.
    start: Option<Start<O>>,
    results: Option<TaskResults<O>>,
    all: Vec<TaskResult<O>>,
}

/// Begins a run. By way of a box, so that the future is of no other type than the results.
type Start<O> = Box<dyn FnOnce() -> TaskResults<O> + Send>;

impl<O> ExecuteTasks<O> {
    pub(crate) fn new(
        count: usize,
        start: impl FnOnce() -> TaskResults<O> + Send + 'static,
    ) -> Self {
        Self {
            start: Some(Box::new(start)),
            results: None,
            all: Vec::with_capacity(count),
        }
    }
}

impl<O> Future for ExecuteTasks<O> {
    type Output = Vec<TaskResult<O>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(start) = this.start.take() {
            this.results = Some(start());
        }
        if let Some(results) = &mut this.results {
            while let Some(result) = ready!(Pin::new(&mut *results).poll_next(cx)) {
                this.all.push(result);
            }
        }
        Poll::Ready(std::mem::take(&mut this.all))
    }
}

impl<O> Drop for ExecuteTasks<O> {
    fn drop(&mut self) {
        discard_all(self.all.drain(..));
    }
}

// Results are moved in and out, never pinned in here.
impl<O> Unpin for ExecuteTasks<O> {}

impl<O> fmt::Debug for ExecuteTasks<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecuteTasks")
            .field("finished", &self.all.len())
            .finish_non_exhaustive()
    }
}

/// Sends tasks to a run; see [`Orchestrator::channel`](crate::Orchestrator::channel).
///
/// Clone it to send from several places. The run ends when the last clone is dropped.
pub struct TaskSender<I>(mpsc::Sender<Task<I>>);

impl<I> TaskSender<I> {
    pub(crate) fn new(sender: mpsc::Sender<Task<I>>) -> Self {
        Self(sender)
    }

    /// Sends a task; waits while the run can take no more.
    ///
    /// **Receive while you send**: see [`Orchestrator::channel`](crate::Orchestrator::channel).
    ///
    /// # Errors
    ///
    /// The task comes back if the run is over: it was shut down, or its results were dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the task was not sent, and is dropped with it.
    pub async fn send(&self, task: Task<I>) -> Result<(), SendError<I>> {
        self.0
            .send(task)
            .await
            .map_err(|mpsc::error::SendError(task)| SendError(task))
    }
}

impl<I> Clone for TaskSender<I> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<I> fmt::Debug for TaskSender<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskSender").finish_non_exhaustive()
    }
}

/// The task that could not be sent, because the run is over.
pub struct SendError<I>(pub Task<I>);

impl<I> fmt::Debug for SendError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendError").field(&self.0.id).finish()
    }
}

impl<I> fmt::Display for SendError<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} was not sent: the run is over", self.0.id)
    }
}

impl<I> std::error::Error for SendError<I> {}

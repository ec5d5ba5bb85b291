//! The callers' ends of the channel door: [`ExecuteTasks`], [`TaskSender`].

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream as _;
use tokio::sync::mpsc;

use crate::engine::{Breaker, SendRecord, discard_all};
use crate::{RunError, Task, TaskResult, TaskResults};

/// The future of [`Orchestrator::execute_tasks`](crate::Orchestrator::execute_tasks): all results, in the tasks' order,
/// or why the run cannot continue.
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
    type Output = Result<Vec<TaskResult<O>>, RunError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(start) = this.start.take() {
            this.results = Some(start());
        }
        if let Some(results) = &mut this.results {
            while let Some(result) = ready!(Pin::new(&mut *results).poll_next(cx)) {
                this.all.push(result?);
            }
        }
        Poll::Ready(Ok(std::mem::take(&mut this.all)))
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
pub struct TaskSender<I>(Sender<I>);

enum Sender<I> {
    InMemory(mpsc::Sender<Task<I>>),
    Recorded(RecordedSender<I>),
}

/// To a run that records tasks as they are sent.
struct RecordedSender<I> {
    sender: mpsc::Sender<(u64, Task<I>)>,
    record: Arc<dyn SendRecord<I>>,
    breaker: Breaker,
}

impl<I> TaskSender<I> {
    pub(crate) fn new(sender: mpsc::Sender<Task<I>>) -> Self {
        Self(Sender::InMemory(sender))
    }

    pub(crate) fn recorded(
        sender: mpsc::Sender<(u64, Task<I>)>,
        record: Arc<dyn SendRecord<I>>,
        breaker: Breaker,
    ) -> Self {
        Self(Sender::Recorded(RecordedSender {
            sender,
            record,
            breaker,
        }))
    }

    /// Sends a task; waits while the run can take no more.
    ///
    /// **Receive while you send**: see [`Orchestrator::channel`](crate::Orchestrator::channel).
    ///
    /// In a run with a journal, the task is on disk when this returns: whatever happens, it is run.
    ///
    /// # Errors
    ///
    /// The task comes back if the run is over: it was shut down, its results were dropped, or its journal
    /// broke (then nobody knows whether the task is in it).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the task was not sent, and is dropped with it. In a run
    /// with a journal it may have been, and goes its way then.
    pub async fn send(&self, task: Task<I>) -> Result<(), SendError<I>> {
        match &self.0 {
            Sender::InMemory(sender) => sender
                .send(task)
                .await
                .map_err(|mpsc::error::SendError(task)| SendError(task)),
            Sender::Recorded(recorded) => match recorded.sender.reserve().await {
                Ok(permit) => Sending::new(permit, task, recorded).await,
                Err(_) => Err(SendError(task)),
            },
        }
    }
}

impl<I> Clone for TaskSender<I> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Sender::InMemory(sender) => Sender::InMemory(sender.clone()),
            Sender::Recorded(recorded) => Sender::Recorded(RecordedSender {
                sender: recorded.sender.clone(),
                record: Arc::clone(&recorded.record),
                breaker: recorded.breaker.clone(),
            }),
        })
    }
}

/// A task that is being recorded, and then handed over.
struct Sending<'a, I> {
    permit: Option<mpsc::Permit<'a, (u64, Task<I>)>>,
    task: Option<Task<I>>,
    to: &'a RecordedSender<I>,
    /// Its ordinal, and the position that has to be committed.
    recorded: Option<(u64, u64)>,
}

impl<'a, I> Sending<'a, I> {
    fn new(
        permit: mpsc::Permit<'a, (u64, Task<I>)>,
        task: Task<I>,
        to: &'a RecordedSender<I>,
    ) -> Self {
        Self {
            permit: Some(permit),
            task: Some(task),
            to,
            recorded: None,
        }
    }

    fn hand_over(&mut self) {
        if let (Some((ordinal, _)), Some(permit)) = (self.recorded, self.permit.take())
            && let Some(task) = self.task.take()
        {
            permit.send((ordinal, task));
        }
    }

    fn poll_recorded(&mut self, cx: &mut Context<'_>) -> Poll<anyhow::Result<()>> {
        let record = &self.to.record;
        if let Some((_, position)) = self.recorded {
            return record.poll_committed(position, cx);
        }
        let Some(task) = &self.task else {
            return Poll::Ready(Ok(()));
        };
        let (_, position) = *self.recorded.insert(record.record(task, cx.waker())?);
        // It is woken when that is committed.
        match record.is_committed(position) {
            Ok(false) => Poll::Pending,
            committed => Poll::Ready(committed.map(drop)),
        }
    }
}

impl<I> Future for Sending<'_, I> {
    type Output = Result<(), SendError<I>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Err(error) = ready!(this.poll_recorded(cx)) {
            this.to.breaker.break_down(error);
            if let Some(task) = this.task.take() {
                return Poll::Ready(Err(SendError(task)));
            }
        }
        this.hand_over();
        Poll::Ready(Ok(()))
    }
}

impl<I> Drop for Sending<'_, I> {
    fn drop(&mut self) {
        // It has an ordinal: whoever counts them waits for it.
        self.hand_over();
    }
}

impl<I> Unpin for Sending<'_, I> {}

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

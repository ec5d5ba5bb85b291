//! Where results come out: [`TaskResults`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::Order;
use super::contain::discard_all;
use super::outlet::Outlet;
use super::reorder::Reorder;
use super::run::Ending;
use super::turn::Turn;
use super::window::Window;
use crate::{RunError, TaskResult};

/// The results of a run, as a stream.
///
/// It ends when the input has ended and every admitted task has given its result. A run that cannot continue ends with
/// a [`RunError`] instead, after the results that it had. Dropping the results cancels the run at once: executing steps
/// are dropped where they are.
///
/// # Panics
///
/// Once all other results are taken, taking one panics if the input stream panicked, with the same
/// payload, or if the runtime was shut down under the run.
#[must_use = "a run whose results are dropped is cancelled"]
pub struct TaskResults<O> {
    delivery: Delivery<O>,
    /// What was taken from the outlet and is not yet delivered.
    batch: VecDeque<TaskResult<O>>,
    reorder: Option<Reorder<O>>,
    /// Since when results were taken without a pause.
    turn: Option<Turn>,
    ended: bool,
    /// Whether the stream has given the error that ends it.
    has_failed: bool,
}

/// For who finds, elsewhere, that a run can't go on.
#[derive(Clone, Debug)]
pub(crate) struct Breaker(pub(super) Arc<Ending>);

impl Breaker {
    pub(crate) fn break_down(&self, error: anyhow::Error) {
        self.0.break_down(error);
    }
}

/// The parts of a run that delivery touches.
pub(super) struct Delivery<O> {
    pub(super) outlet: Arc<Outlet<O>>,
    pub(super) window: Arc<Window>,
    pub(super) ending: Arc<Ending>,
    pub(super) order: Order,
}

impl<O> TaskResults<O> {
    pub(super) fn new(delivery: Delivery<O>) -> Self {
        let reorder = match delivery.order {
            Order::Input => Some(Reorder::new()),
            Order::Completion => None,
        };
        Self {
            delivery,
            batch: VecDeque::new(),
            reorder,
            turn: None,
            ended: false,
            has_failed: false,
        }
    }

    /// Returns the next result, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// After all results of a run that cannot continue, why it cannot: its journal failed, or its input is not the one
    /// that the journal was begun with, for example. Later calls return the same error. A run in memory never fails.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it is ready has taken nothing.
    pub async fn recv(&mut self) -> Result<Option<TaskResult<O>>, RunError> {
        match std::future::poll_fn(|cx| self.poll_recv(cx)).await {
            Some(result) => Ok(Some(result)),
            None => self.stopped_by().map_or(Ok(None), Err),
        }
    }

    /// Returns why the run cannot continue, as soon as that is known. [`recv`](Self::recv) returns it after the last
    /// result.
    pub fn stopped_by(&self) -> Option<RunError> {
        self.delivery.ending.broken().cloned()
    }

    pub(crate) fn breaker(&self) -> Breaker {
        Breaker(Arc::clone(&self.delivery.ending))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<TaskResult<O>>> {
        // A consumer that is never kept waiting lets others run all the same. By time: tokio's
        // budget of 128 would be used up by results that take a few nanoseconds each.
        if self.turn.as_ref().is_some_and(Turn::is_over) {
            self.turn = None;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !self.ended {
            if let Some(result) = self.next_at_hand() {
                self.turn.get_or_insert_with(Turn::begin).count();
                self.delivery.window.deliver();
                return Poll::Ready(Some(result));
            }
            match self.delivery.outlet.poll_take(&mut self.batch, cx) {
                Poll::Ready(more) => self.ended = !more,
                Poll::Pending => {
                    self.turn = None;
                    return Poll::Pending;
                }
            }
        }
        let last = self.reorder.as_mut().and_then(Reorder::pop_last);
        if last.is_some() {
            self.delivery.window.deliver();
        }
        Poll::Ready(last)
    }

    fn next_at_hand(&mut self) -> Option<TaskResult<O>> {
        let Some(reorder) = &mut self.reorder else {
            return self.batch.pop_front();
        };
        loop {
            if let Some(result) = reorder.pop() {
                return Some(result);
            }
            reorder.push(self.batch.pop_front()?);
        }
    }
}

impl<O> Stream for TaskResults<O> {
    /// An error is the last item.
    type Item = Result<TaskResult<O>, RunError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(result) = ready!(this.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(result)));
        }
        let has_failed = std::mem::replace(&mut this.has_failed, true);
        Poll::Ready(this.stopped_by().filter(|_| !has_failed).map(Err))
    }
}

// Results are moved out, never pinned in here.
impl<O> Unpin for TaskResults<O> {}

impl<O> Drop for TaskResults<O> {
    fn drop(&mut self) {
        self.delivery.ending.abandon();
        discard_all(self.batch.drain(..));
    }
}

impl<O> std::fmt::Debug for TaskResults<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskResults")
            .field("order", &self.delivery.order)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

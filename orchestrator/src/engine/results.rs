//! Where results come out: [`TaskResults`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::Order;
use super::contain::discard_all;
use super::outlet::Outlet;
use super::reorder::Reorder;
use super::run::Ending;
use super::turn::Turn;
use super::window::Window;
use crate::TaskResult;

/// The results of a run, as a stream.
///
/// It ends when the input has ended and every admitted task has given its result. Dropping it
/// cancels the run at once: executing steps are dropped where they stand.
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
        }
    }

    /// The next result; `None` after the last one.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it is ready has taken nothing.
    pub async fn recv(&mut self) -> Option<TaskResult<O>> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What keeps the run from going on, if something does: its journal broke, or the input is not the
    /// one that the journal was begun with. Its tasks are [cancelled](crate::TaskErrorKind::Cancelled)
    /// then (but for those whose delay waits on disk, which give no result), and what was committed can
    /// be gone on with. Never so in memory.
    pub fn stopped_by(&self) -> Option<&anyhow::Error> {
        self.delivery.ending.broken().map(|error| &**error)
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
    type Item = TaskResult<O>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
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

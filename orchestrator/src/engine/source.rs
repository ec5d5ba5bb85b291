//! Where a run's tasks come from: [`Source`], one for each way in.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::contain::discard_all;
use crate::Task;

/// Where a run's tasks come from.
pub(crate) trait Source: Send + 'static {
    /// What the tasks bring.
    type Input;

    /// The next task.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<Self::Input>>>;

    /// The run is being shut down: what was handed over already still comes, so that it gives a
    /// result, and nothing after that.
    fn close(&mut self);

    /// The ordinal of the task that came last, if it was given one before it came.
    fn given(&self) -> Option<u64> {
        None
    }

    /// Whether all that a record holds comes before it: tasks that can't be read again.
    fn recalls_all(&self) -> bool {
        false
    }

    /// The most tasks that will come, if that is known.
    fn most(&self) -> Option<usize> {
        None
    }
}

/// Tasks that are all at hand: all of them are handed over.
pub(crate) struct AllAtHand<I>(pub(crate) std::vec::IntoIter<Task<I>>);

impl<I: Send + 'static> Source for AllAtHand<I> {
    type Input = I;

    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Task<I>>> {
        Poll::Ready(self.0.next())
    }

    fn close(&mut self) {}

    fn most(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl<I> Drop for AllAtHand<I> {
    fn drop(&mut self) {
        discard_all(self.0.by_ref());
    }
}

/// Tasks that are sent: handed over is what was sent.
pub(crate) struct Received<I>(pub(crate) mpsc::Receiver<Task<I>>);

impl<I: Send + 'static> Source for Received<I> {
    type Input = I;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<I>>> {
        self.0.poll_recv(cx)
    }

    fn close(&mut self) {
        self.0.close();
    }
}

impl<I> Drop for Received<I> {
    fn drop(&mut self) {
        self.0.close();
        discard_all(std::iter::from_fn(|| self.0.try_recv().ok()));
    }
}

/// Tasks that were recorded when they were sent, each with its ordinal. Those that were recorded before
/// come first.
///
/// They are handed over as they are committed, which may be in another order: who comes early waits.
pub(crate) struct Recorded<I> {
    receiver: mpsc::Receiver<(u64, Task<I>)>,
    next: u64,
    early: BTreeMap<u64, Task<I>>,
}

impl<I> Recorded<I> {
    /// `next` is the ordinal of the first task that will be sent.
    pub(crate) fn new(receiver: mpsc::Receiver<(u64, Task<I>)>, next: u64) -> Self {
        Self {
            receiver,
            next,
            early: BTreeMap::new(),
        }
    }
}

impl<I: Send + 'static> Source for Recorded<I> {
    type Input = I;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<I>>> {
        loop {
            if let Some(task) = self.early.remove(&self.next) {
                self.next += 1;
                return Poll::Ready(Some(task));
            }
            let Some((ordinal, task)) = ready!(self.receiver.poll_recv(cx)) else {
                // Behind a task that was never handed over, since the journal broke.
                return Poll::Ready(self.early.pop_first().map(|(ordinal, task)| {
                    self.next = ordinal + 1;
                    task
                }));
            };
            self.early.insert(ordinal, task);
        }
    }

    fn close(&mut self) {
        self.receiver.close();
    }

    fn given(&self) -> Option<u64> {
        Some(self.next - 1)
    }

    fn recalls_all(&self) -> bool {
        true
    }
}

impl<I> Drop for Recorded<I> {
    fn drop(&mut self) {
        self.receiver.close();
        discard_all(std::iter::from_fn(|| self.receiver.try_recv().ok()));
        discard_all(std::mem::take(&mut self.early));
    }
}

/// Tasks that are pulled from the user's stream: none is handed over until it is pulled.
pub(crate) struct Pulled<S>(Option<Pin<Box<S>>>);

impl<S> Pulled<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(Some(Box::pin(stream)))
    }
}

impl<I, S> Source for Pulled<S>
where
    S: Stream<Item = Task<I>> + Send + 'static,
{
    type Input = I;

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<I>>> {
        match &mut self.0 {
            Some(stream) => stream.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn close(&mut self) {
        self.0 = None;
    }

    fn most(&self) -> Option<usize> {
        self.0.as_ref()?.size_hint().1
    }
}

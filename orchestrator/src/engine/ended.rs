//! How many tasks of a durable run have ended: [`Ended`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::lock::Lock;

/// How many tasks of a durable run have ended.
///
/// Admission closes the intake when all have: until then a task may come back from disk.
#[derive(Debug, Default)]
pub(super) struct Ended {
    count: AtomicU64,
    admission: Lock<Option<Waker>>,
}

impl Ended {
    /// So many more have.
    pub(super) fn add(&self, count: usize) {
        let waker = {
            let mut admission = self.admission.lock();
            self.count.fetch_add(count as u64, Ordering::Relaxed);
            admission.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until so many have, and may wake up before.
    pub(super) fn poll(&self, admitted: u64, cx: &Context<'_>) -> Poll<()> {
        let mut admission = self.admission.lock();
        if self.count.load(Ordering::Relaxed) >= admitted {
            return Poll::Ready(());
        }
        *admission = Some(cx.waker().clone());
        Poll::Pending
    }
}

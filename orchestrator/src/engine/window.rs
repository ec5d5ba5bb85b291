//! How many tasks are under way: [`Window`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::lock::Lock;

/// The bound on tasks that are admitted and not yet delivered.
///
/// Delivery counts, admission compares with its own count: as long as there is room, neither looks
/// at what the other writes.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    delivered: AtomicU64,
    /// Whether admission waits. With sequential consistency either delivery sees this, or admission
    /// sees what was delivered.
    waiting: AtomicBool,
    admission: Lock<Option<Waker>>,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size: u64::try_from(size).unwrap_or(u64::MAX),
            delivered: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            admission: Lock::new(None),
        }
    }

    /// Up to which ordinal tasks may be admitted, after `admitted` of them: at least one more. Waits
    /// while the window is full.
    pub(super) fn poll_limit(&self, admitted: u64, cx: &Context<'_>) -> Poll<u64> {
        if let Some(limit) = self.limit(admitted) {
            return Poll::Ready(limit);
        }
        *self.admission.lock() = Some(cx.waker().clone());
        self.waiting.store(true, Ordering::SeqCst);
        match self.limit(admitted) {
            Some(limit) => {
                self.waiting.store(false, Ordering::Relaxed);
                Poll::Ready(limit)
            }
            None => Poll::Pending,
        }
    }

    fn limit(&self, admitted: u64) -> Option<u64> {
        let delivered = self.delivered.load(Ordering::SeqCst);
        let limit = delivered.saturating_add(self.size);
        (limit > admitted).then_some(limit)
    }

    /// A task was delivered.
    #[inline]
    pub(super) fn deliver(&self) {
        self.delivered.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if self.waiting.swap(false, Ordering::SeqCst) {
            let waker = self.admission.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

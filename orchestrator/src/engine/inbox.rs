//! How a worker learns that some of its tasks were let in: [`Inbox`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use super::lock::Lock;

/// How a worker learns that some of its tasks were let in somewhere.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    full: AtomicBool,
    /// Set while the worker sleeps.
    worker: Lock<Option<Waker>>,
}

impl Inbox {
    /// Tells the worker; gives its waker if it has to be woken. Its `own` doings do not wake it.
    pub(super) fn put(&self, own: bool) -> Option<Waker> {
        if self.full.swap(true, Ordering::AcqRel) || own {
            return None;
        }
        self.worker.lock().take()
    }

    /// Whether there was something since the last call.
    #[inline]
    pub(super) fn take(&self) -> bool {
        self.full.load(Ordering::Relaxed) && self.full.swap(false, Ordering::AcqRel)
    }

    /// Asks that the worker be woken when there is something. Says no if there is.
    pub(super) fn sleep(&self, worker: &Waker) -> bool {
        let before = self.worker.lock().replace(worker.clone());
        drop(before);
        // Whoever puts something in now finds the waker: it takes the lock after that.
        !self.full.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_sleep_over_what_was_put_in() {
        for own in [true, false] {
            let inbox = Inbox::default();
            assert!(inbox.put(own).is_none());
            assert!(!inbox.sleep(Waker::noop()));
            assert!(inbox.take());
            assert!(inbox.sleep(Waker::noop()));
        }
    }

    #[test]
    fn only_who_sleeps_is_woken_and_only_once() {
        let inbox = Inbox::default();
        assert!(inbox.sleep(Waker::noop()));
        assert!(inbox.put(false).is_some());
        assert!(inbox.put(false).is_none());
        assert!(inbox.take() && !inbox.take());
        assert!(inbox.put(false).is_none());
    }
}

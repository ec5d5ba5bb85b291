//! How many tasks are under way: [`Window`].

use std::task::{Context, Poll, Waker};

use super::lock::Lock;

/// The bound on tasks that are admitted and not yet delivered.
///
/// Admission takes places, delivery gives them back, both in batches: this lock is not on the path
/// of a single task.
#[derive(Debug)]
pub(super) struct Window {
    places: Lock<Places>,
    size: usize,
}

#[derive(Debug)]
struct Places {
    free: usize,
    admission: Option<Waker>,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        let places = Lock::new(Places {
            free: size,
            admission: None,
        });
        Self { places, size }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Takes up to `most` places, at least one; waits while there is none.
    pub(super) fn poll_take(&self, most: usize, cx: &Context<'_>) -> Poll<usize> {
        let mut places = self.places.lock();
        let taken = places.free.min(most);
        if taken == 0 {
            places.admission = Some(cx.waker().clone());
            return Poll::Pending;
        }
        places.free -= taken;
        Poll::Ready(taken)
    }

    /// Gives places back.
    pub(super) fn give(&self, count: usize) {
        let waker = {
            let mut places = self.places.lock();
            places.free += count;
            places.admission.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

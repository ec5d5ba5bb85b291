//! A mutex that the engine's shared queues sit behind.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex without poisoning: no user code runs under these locks, so whoever panicked while
/// holding one left nothing half done.
#[derive(Debug, Default)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

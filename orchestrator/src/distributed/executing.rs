//! Steps that execute in this process: [`Executing`].

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Walk;
use crate::{Durable, StepContext};

/// A step that executes; not any more when it is dropped.
pub(super) struct Executing<'a, B: Durable> {
    walk: &'a Walk<B>,
    cx: &'a StepContext,
    since: Instant,
    /// Whether it has come to its end.
    pub(super) is_through: bool,
}

impl<'a, B: Durable> Executing<'a, B> {
    pub(super) fn begin(walk: &'a Walk<B>, cx: &'a StepContext) -> Self {
        walk.executing.fetch_add(1, Ordering::Relaxed);
        Self {
            walk,
            cx,
            since: Instant::now(),
            is_through: false,
        }
    }
}

impl<B: Durable> Drop for Executing<'_, B> {
    fn drop(&mut self) {
        self.walk.executing.fetch_sub(1, Ordering::Relaxed);
        let (took, longest) = (self.since.elapsed(), self.walk.longest);
        if !self.is_through && took > longest && !self.walk.cancelled.is_cancelled() {
            tracing::warn!(
                "`{}` of `{}` ({}/{}) was dropped after {took:?}: it took longer than the longest step of this worker, {longest:?}, and runs again",
                self.cx.step(),
                B::NAME,
                self.cx.run_id(),
                self.cx.ordinal(),
            );
        }
    }
}

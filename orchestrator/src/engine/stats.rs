//! How many tasks are where: [`Stats`].

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many tasks are where, over all runs of an orchestrator; for a progress display.
///
/// Workers report at every turn, so the figures lag behind by less than a millisecond as long as no
/// step blocks its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks whose step has begun and waits for something.
    pub executing: usize,
    /// Tasks that wait in a delay, before their next attempt, or until a step with a `limit` or a
    /// `rate` lets them in.
    pub waiting: usize,
}

/// The sums behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    executing: AtomicUsize,
    waiting: AtomicUsize,
}

impl Gauges {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            executing: self.executing.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// What one worker has reported; taken out of the sums again when the worker ends.
#[derive(Debug)]
pub(super) struct Report<'a> {
    gauges: &'a Gauges,
    last: Stats,
}

impl<'a> Report<'a> {
    pub(super) fn new(gauges: &'a Gauges) -> Self {
        Self {
            gauges,
            last: Stats::default(),
        }
    }

    pub(super) fn update(&mut self, executing: usize, waiting: usize) {
        let now = Stats { executing, waiting };
        if now == self.last {
            return;
        }
        // Sums of several workers' shares: adding the difference, modulo the word, keeps them right.
        let Gauges {
            executing: all_executing,
            waiting: all_waiting,
        } = self.gauges;
        all_executing.fetch_add(
            executing.wrapping_sub(self.last.executing),
            Ordering::Relaxed,
        );
        all_waiting.fetch_add(waiting.wrapping_sub(self.last.waiting), Ordering::Relaxed);
        self.last = now;
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.update(0, 0);
    }
}

//! How many tasks to move at a time: [`Pace`].

// By real time: in a test, tokio's clock may stand still.
use std::time::{Duration, Instant};

/// The most tasks that are moved at a time.
pub(super) const BATCH: usize = 256;

/// Whoever is done with a portion sooner than this takes a larger one next.
const QUICK: Duration = Duration::from_micros(200);

/// Whoever needs longer than this takes a smaller one.
const SLOW: Duration = Duration::from_millis(2);

/// How many tasks to move at a time: a batch where tasks are quick, which is what makes them cheap,
/// and one by one where they are slow, so that nobody sits on tasks that another has time for.
#[derive(Debug)]
pub(super) struct Pace {
    portion: usize,
    since: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            portion: 1,
            since: Instant::now(),
        }
    }

    /// The size of the current portion.
    pub(super) fn portion(&self) -> usize {
        self.portion
    }

    /// A portion was dealt with; the next begins.
    pub(super) fn next(&mut self) {
        let now = Instant::now();
        let took = now.duration_since(self.since);
        self.since = now;
        if took < QUICK {
            self.portion = (self.portion * 2).min(BATCH);
        } else if took > SLOW {
            self.portion = (self.portion / 2).max(1);
        }
    }
}

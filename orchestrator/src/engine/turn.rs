//! How long a worker goes on before it lets others run on its thread: [`Turn`].

// By real time: in a test, tokio's clock may stand still.
use std::time::{Duration, Instant};

/// The length of a turn: long enough to make yielding cheap, short enough for others not to notice.
const LENGTH: Duration = Duration::from_micros(200);

/// How many polls lie between two looks at the clock.
const LOOK: usize = 32;

/// A worker's time on its thread.
pub(super) struct Turn {
    begin: Instant,
    polls: usize,
    over: bool,
}

impl Turn {
    pub(super) fn begin() -> Self {
        Self {
            begin: Instant::now(),
            polls: 0,
            over: false,
        }
    }

    /// Counts a poll of a future, or something that takes as long.
    #[inline]
    pub(super) fn count(&mut self) {
        self.polls += 1;
        if self.polls.is_multiple_of(LOOK) {
            self.over = self.begin.elapsed() >= LENGTH;
        }
    }

    pub(super) fn polls(&self) -> usize {
        self.polls
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

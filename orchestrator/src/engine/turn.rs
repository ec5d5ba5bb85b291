//! How long one part of the engine goes on before it lets others run on its thread: [`Turn`].

// By real time: in a test, tokio's clock may stand still.
use std::time::{Duration, Instant};

use tokio::task::coop::has_budget_remaining;

/// The length of a turn: long enough to make yielding cheap, short enough for others not to notice.
const LENGTH: Duration = Duration::from_micros(200);

/// The most things that are done between two looks at the clock.
const LOOK: usize = 64;

/// A stretch of time on a thread. It also ends when the futures polled in it have used up what tokio
/// allows a task to do in a row.
pub(super) struct Turn {
    begin: Instant,
    done: usize,
    /// When to look at the clock next. It is looked at often in the beginning, so that slow things
    /// are noticed at once, and rarely when they have turned out to be quick.
    look: usize,
    over: bool,
}

impl Turn {
    pub(super) fn begin() -> Self {
        Self {
            begin: Instant::now(),
            done: 0,
            look: 1,
            over: false,
        }
    }

    /// Counts a poll of something of the user's.
    #[inline]
    pub(super) fn count(&mut self) {
        self.done += 1;
        if self.done == self.look {
            self.look += self.look.min(LOOK);
            self.over = self.begin.elapsed() >= LENGTH || !has_budget_remaining();
        }
    }

    /// Ends the turn if tokio's budget is used up: a future that is polled then only asks to be polled
    /// again.
    #[inline]
    pub(super) fn check_budget(&mut self) {
        self.over = self.over || !has_budget_remaining();
    }

    /// Ends the turn before its time.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// How many were counted.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

//! Delays that are found by when they end: those longer than [`FAR`].

use std::sync::Arc;
use std::time::Duration;

use super::record::Wake;

/// Delays that were longer than this when they began are found by when they end.
pub(crate) const FAR: Duration = Duration::from_secs(10);

/// Delays are found by the slice of time in which they end and not by the millisecond, since that takes a byte or two each.
pub(crate) const SLICE: Duration = Duration::from_secs(5);

const SLICE_MS: i64 = 5_000;

/// The time of a run: unix milliseconds when it was opened, and from there on by a clock that nobody sets.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// Unix milliseconds when the run was opened.
    pub(crate) opened: i64,
    /// The reading of the clock then, in milliseconds.
    pub(crate) tick: i64,
    /// The number that the readings of this process have in the journal.
    pub(crate) clock: u32,
    /// The numbers of earlier processes that read the same clock.
    pub(crate) same: Arc<[u32]>,
}

impl Timeline {
    /// Returns when a delay ends, in the run's time. The result is the same however often it is asked for.
    ///
    /// By the run's own clock if the delay was recorded with that, and otherwise by the time of day. A delay of an earlier process
    /// ends no later than its full length after the run was opened, whatever was done to the clocks.
    pub(crate) fn due(&self, wake: &Wake) -> i64 {
        let left = if wake.clock == self.clock {
            wake.tick.saturating_sub(self.tick)
        } else {
            let left = if self.same.contains(&wake.clock) {
                wake.tick.saturating_sub(self.tick)
            } else {
                wake.at.saturating_sub(self.opened)
            };
            left.clamp(0, wake.full_ms())
        };
        // The end of time is left for those who ask for all.
        self.opened.saturating_add(left).min(i64::MAX - 1)
    }

    /// Returns when a delay ends, if it is one that is found by its end.
    pub(super) fn due_far(&self, wake: Option<&Wake>) -> Option<i64> {
        let wake = wake.filter(|wake| wake.full > FAR)?;
        Some(self.due(wake))
    }
}

/// Returns the number of the slice that this time is in.
pub(super) const fn slice(at: i64) -> i64 {
    at.div_euclid(SLICE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wake: &Wake) -> i64 {
        let timeline = Timeline {
            opened: 1_000_000,
            tick: 500,
            clock: 3,
            same: [2].into(),
        };
        timeline.due(wake)
    }

    fn wake(at: i64, clock: u32, tick: i64) -> Wake {
        Wake {
            at,
            full: Duration::from_secs(60),
            clock,
            tick,
        }
    }

    #[test]
    fn a_delay_by_the_same_clock_ignores_the_time_of_day() {
        assert_eq!(due(&wake(0, 3, 30_500)), 1_030_000);
        assert_eq!(due(&wake(0, 2, 30_500)), 1_030_000);
    }

    #[test]
    fn a_delay_of_this_process_may_begin_late_in_the_run() {
        assert_eq!(due(&wake(0, 3, 9_000_500)), 10_000_000);
    }

    #[test]
    fn a_delay_by_another_clock_goes_by_the_time_of_day() {
        assert_eq!(due(&wake(1_030_000, 1, 0)), 1_030_000);
    }

    #[test]
    fn no_clock_that_was_set_makes_a_delay_longer_than_it_was() {
        assert_eq!(due(&wake(9_000_000, 1, 0)), 1_060_000);
        assert_eq!(due(&wake(3, 1, 0)), 1_000_000);
        // As in a machine that was set back to a snapshot.
        assert_eq!(due(&wake(0, 2, 9_000_500)), 1_060_000);
    }
}

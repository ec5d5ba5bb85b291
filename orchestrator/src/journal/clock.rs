//! The time of day for a run: [`Clock`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time of day when the run was opened, and tokio's time since.
///
/// So a clock that is set meanwhile moves no delay, and a test's paused clock moves them all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    opened: Instant,
    /// Unix milliseconds, and how much of the next one had passed.
    at: i64,
    beyond: Duration,
}

impl Clock {
    pub(super) fn new(opened: SystemTime) -> Self {
        let (at, beyond) = match opened.duration_since(UNIX_EPOCH) {
            Ok(since) => {
                let beyond = Duration::from_nanos(u64::from(since.subsec_nanos() % 1_000_000));
                (millis(since), beyond)
            }
            Err(before) => (-millis(before.duration()), Duration::ZERO),
        };
        Self {
            opened: Instant::now(),
            at,
            beyond,
        }
    }

    /// Unix milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.at.saturating_add(millis(self.since()))
    }

    /// When a pause that begins now is over, in unix milliseconds: not before it is.
    pub(super) fn end_of(&self, pause: Duration) -> i64 {
        let since = self.since().saturating_add(pause);
        let since = i64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        self.at.saturating_add(since)
    }

    fn since(&self) -> Duration {
        self.beyond + self.opened.elapsed()
    }

    /// When it will be that late.
    pub(super) fn instant(&self, at: i64) -> Instant {
        let since = u64::try_from(at.saturating_sub(self.at)).unwrap_or(0);
        let instant = self.opened.checked_add(Duration::from_millis(since));
        instant.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_with_tokios_time() {
        let clock = Clock::new(UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(clock.now(), 1_000);
        tokio::time::advance(Duration::from_millis(234)).await;
        assert_eq!(clock.now(), 1_234);
        assert_eq!(
            clock.instant(1_300) - Instant::now(),
            Duration::from_millis(66)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_over_no_sooner_than_it_is() {
        let clock = Clock::new(UNIX_EPOCH);
        tokio::time::advance(Duration::from_micros(300)).await;
        assert_eq!(clock.end_of(Duration::from_micros(800)), 2);
        assert_eq!(clock.end_of(Duration::MAX), i64::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_millisecond_count() {
        let clock = Clock::new(UNIX_EPOCH + Duration::from_micros(1_700));
        assert_eq!(clock.now(), 1);
        assert_eq!(clock.end_of(Duration::from_millis(5)), 7);
        tokio::time::advance(Duration::from_micros(300)).await;
        assert_eq!(clock.now(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_before_1970_is_no_error() {
        let clock = Clock::new(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(clock.now(), -1_000);
    }
}

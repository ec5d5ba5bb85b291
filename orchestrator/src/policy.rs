//! How often a failed step is tried again, and after what pause: [`Retry`].

use std::time::Duration;

/// How often a failed step is tried again, and after what pause.
///
/// Written `#[step(retry(times = 3, backoff = "200ms", max = "10s"))]`, or `retry = 3` for the
/// default pauses. The pause before the n-th retry is `backoff` doubled n - 1 times, at most `max`,
/// and then shortened by a random part of up to a half, so that tasks which failed together do not
/// come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    backoff: Duration,
    max: Duration,
}

impl Retry {
    /// The pause before the first retry, unless `backoff` says otherwise: 100 ms.
    pub const BACKOFF: Duration = Duration::from_millis(100);
    /// The longest pause, unless `max` says otherwise: 30 s.
    pub const MAX: Duration = Duration::from_secs(30);

    /// Up to so many further attempts after the first one. 0 is no retry.
    pub const fn times(times: u32) -> Self {
        Self {
            times,
            backoff: Self::BACKOFF,
            max: Self::MAX,
        }
    }

    /// The pause before the first retry. Zero retries at once.
    pub const fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// The longest pause.
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Whether a further attempt is left after attempt number `attempt` (from 1) has failed.
    pub const fn allows_after(&self, attempt: u32) -> bool {
        attempt <= self.times
    }

    /// The pause after attempt number `attempt` (from 1) has failed, jittered.
    pub fn pause(&self, attempt: u32) -> Duration {
        let longest = self.longest_pause(attempt);
        (longest / 2) + (longest / 2).mul_f64(fastrand::f64())
    }

    /// The pause after attempt number `attempt` (from 1) has failed, before jitter.
    fn longest_pause(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.backoff.saturating_mul(doubled).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_cap() {
        let retry = Retry::times(9)
            .backoff(Duration::from_millis(200))
            .max(Duration::from_secs(1));
        let pauses = [1, 2, 3, 4, 5, u32::MAX].map(|n| retry.longest_pause(n).as_millis());
        assert_eq!(pauses, [200, 400, 800, 1000, 1000, 1000]);
    }

    #[test]
    fn jitter_takes_away_at_most_a_half() {
        let retry = Retry::times(1).backoff(Duration::from_secs(1));
        for _ in 0..1_000 {
            let pause = retry.pause(1);
            assert!(pause >= Duration::from_millis(500) && pause <= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_boundless_pause_does_not_overflow() {
        let retry = Retry::times(u32::MAX)
            .backoff(Duration::MAX)
            .max(Duration::MAX);
        assert!(retry.pause(u32::MAX) > Duration::from_secs(1));
    }

    #[test]
    fn times_counts_the_attempts_after_the_first() {
        let retry = Retry::times(2);
        assert!(retry.allows_after(1) && retry.allows_after(2) && !retry.allows_after(3));
        assert!(!Retry::times(0).allows_after(1));
    }
}

//! How many tasks a step takes in at once, and how often it begins: [`Bounds`], [`Rate`].

use std::fmt;
use std::time::Duration;

/// What bounds a step over all tasks of an orchestrator: `limit` and `rate` of its `#[step(…)]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    limit: Option<usize>,
    rate: Option<Rate>,
}

/// How often something begins: so many times in so much time, evenly spread.
///
/// ```
/// use std::time::Duration;
/// use orchestrator::Rate;
///
/// assert_eq!(Rate::per_second(100).interval(), Duration::from_millis(10));
/// assert_eq!(Rate::new(3, Duration::from_secs(60)).to_string(), "3/60s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
}

impl Bounds {
    /// No bounds.
    pub const fn none() -> Self {
        Self {
            limit: None,
            rate: None,
        }
    }

    /// At most so many tasks in the step at once, over all runs. A task between two attempts is not in
    /// the step. 0 is refused by [`Orchestrator::new`](crate::Orchestrator::new).
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The step begins at most so often, over all runs: each attempt at a time of its own, an interval
    /// after the one before, to the millisecond. Time in which nobody came gives no credit. Where the
    /// process was held up, no more than 50 ms of those times, or one, begin at once.
    ///
    /// [`Rate::UNLIMITED`] is the same as no rate.
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = if rate.per.is_zero() { None } else { Some(rate) };
        self
    }

    /// The most tasks in the step at once.
    pub(crate) const fn most(&self) -> Option<usize> {
        self.limit
    }

    /// The least time between two begins.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.rate.map(|rate| rate.interval())
    }
}

impl Rate {
    /// No bound: a step of this rate begins as if it had none. For a rate that is a setting, which need not
    /// be set.
    pub const UNLIMITED: Self = Self {
        count: u32::MAX,
        per: Duration::ZERO,
    };

    /// `count` times in each `per`.
    ///
    /// # Panics
    ///
    /// If `count` or `per` is zero.
    pub const fn new(count: u32, per: Duration) -> Self {
        assert!(count > 0, "at a rate of 0 nothing would ever begin");
        assert!(!per.is_zero(), "a rate is so many times in some time");
        Self { count, per }
    }

    /// `count` times a second.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// `count` times a minute.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub const fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_secs(60))
    }

    /// The time from one begin to the next, rounded up to a nanosecond. Zero for [`UNLIMITED`](Self::UNLIMITED).
    pub fn interval(&self) -> Duration {
        let nanos = self.per.as_nanos().div_ceil(u128::from(self.count));
        let subsecond = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::new(seconds, subsecond)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, per } = self;
        match per.as_secs() {
            0 if per.is_zero() => f.write_str("unlimited"),
            1 if per.subsec_nanos() == 0 => write!(f, "{count}/s"),
            _ => write!(f, "{count}/{per:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_never_too_short() {
        let thirds = Rate::per_second(3).interval();
        assert_eq!(thirds, Duration::from_nanos(333_333_334));
        let rarely = Rate::new(1, Duration::MAX);
        assert_eq!(rarely.interval(), Duration::MAX);
    }

    #[test]
    fn an_unlimited_rate_is_no_bound() {
        assert_eq!(Bounds::none().rate(Rate::UNLIMITED), Bounds::none());
        let limited = Bounds::none().rate(Rate::per_second(1));
        assert_eq!(limited.rate(Rate::UNLIMITED), Bounds::none());
        assert_eq!(Rate::UNLIMITED.interval(), Duration::ZERO);
        assert_eq!(Rate::UNLIMITED.to_string(), "unlimited");
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        assert_eq!(Rate::per_second(5).to_string(), "5/s");
        assert_eq!(
            Rate::new(5, Duration::from_millis(250)).to_string(),
            "5/250ms"
        );
    }
}

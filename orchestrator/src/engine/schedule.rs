//! When the next tasks may begin a step that has a rate: [`Schedule`].

use std::time::Duration;

use tokio::time::Instant;

/// How far ahead times are reserved.
///
/// A worker has to be told of its times ahead, or it would be late for each; and what is reserved is
/// lost if the run goes away, and begins at once if its worker was held up. So: long beside a turn of
/// the timer, and no longer.
const AHEAD: Duration = Duration::from_millis(50);

/// Longer than any program runs, and short enough to be added to any time.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The times at which tasks may begin, an interval apart.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    /// The first time that is not reserved; `None` before the first reservation.
    next: Option<Instant>,
    /// How many times are reserved by tasks that have not begun.
    reserved: usize,
    /// The most that may be.
    most: usize,
}

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = interval.min(FOREVER);
        let most = AHEAD.as_nanos() / interval.as_nanos().max(1);
        Self {
            interval,
            next: None,
            reserved: 0,
            most: usize::try_from(most).unwrap_or(usize::MAX).max(1),
        }
    }

    /// Reserves the next time, unless it is too far ahead. If nothing is reserved, it is not: so as
    /// long as tasks wait, there is one whose begin lets the next have its time.
    pub(super) fn reserve(&mut self, now: Instant) -> Option<Instant> {
        let time = self.next.map_or(now, |next| next.max(now));
        let near = time.duration_since(now) <= AHEAD && self.reserved < self.most;
        if !near && self.reserved > 0 {
            return None;
        }
        self.next = Some(after(time, self.interval));
        self.reserved += 1;
        Some(time)
    }

    /// A task that had reserved a time begins.
    pub(super) fn begun(&mut self) {
        self.reserved -= 1;
    }

    /// A task that had reserved this time will not begin. The time is reserved anew if it was the
    /// last one, and else is lost.
    pub(super) fn give_back(&mut self, time: Instant) {
        self.reserved -= 1;
        if self.next == Some(after(time, self.interval)) {
            self.next = Some(time);
        }
    }
}

fn after(time: Instant, interval: Duration) -> Instant {
    time.checked_add(interval).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn times_are_an_interval_apart_and_unused_time_gives_no_credit() {
        let mut schedule = Schedule::new(Duration::from_millis(10));
        let begin = Instant::now();
        let mut offsets = Vec::new();
        for pause in [0, 0, 0, 15, 100, 0] {
            tokio::time::advance(Duration::from_millis(pause)).await;
            let time = schedule.reserve(Instant::now()).unwrap();
            schedule.begun();
            offsets.push(time.duration_since(begin).as_millis());
        }
        assert_eq!(offsets, [0, 10, 20, 30, 115, 125]);
    }

    #[test]
    fn no_more_is_reserved_than_lies_a_little_ahead() {
        for (micros, most) in [(1, 50_000), (1_000, 50), (10_000, 5), (60_000, 1)] {
            let mut schedule = Schedule::new(Duration::from_micros(micros));
            let now = Instant::now();
            let reserved = std::iter::from_fn(|| schedule.reserve(now)).count();
            assert_eq!(reserved, most, "{micros} microseconds apart");
            // Nor when all those times have come, and nobody has begun.
            assert_eq!(schedule.reserve(now + HOUR), None);
            schedule.begun();
            assert!(schedule.reserve(now + HOUR).is_some());
        }
    }

    #[test]
    fn the_only_time_may_lie_far_ahead() {
        let mut schedule = Schedule::new(HOUR);
        let now = Instant::now();
        assert_eq!(schedule.reserve(now), Some(now));
        assert_eq!(schedule.reserve(now), None);
        schedule.begun();
        assert_eq!(schedule.reserve(now), Some(now + HOUR));
    }

    #[test]
    fn the_last_times_are_given_back_and_no_others() {
        let mut schedule = Schedule::new(Duration::from_millis(10));
        let now = Instant::now();
        let times: Vec<_> = (0..4).filter_map(|_| schedule.reserve(now)).collect();
        schedule.give_back(times[0]);
        schedule.give_back(times[3]);
        schedule.give_back(times[2]);
        assert_eq!(schedule.reserve(now), Some(times[2]));
        assert_eq!(schedule.reserve(now), Some(times[3]));
    }

    #[test]
    fn times_that_were_lost_are_not_made_up_for_by_times_further_ahead() {
        let mut schedule = Schedule::new(Duration::from_millis(10));
        let now = Instant::now();
        for time in 0..5 {
            assert!(schedule.reserve(now).is_some(), "{time}");
        }
        for time in 0..3 {
            schedule.give_back(now + time * Duration::from_millis(10));
        }
        assert!(schedule.reserve(now).is_some(), "50 ms ahead");
        assert_eq!(schedule.reserve(now), None);
    }

    #[test]
    fn an_interval_without_end_is_no_error() {
        let mut schedule = Schedule::new(Duration::MAX);
        for _ in 0..1_000 {
            let time = schedule.reserve(Instant::now());
            assert!(time.is_some());
            schedule.begun();
        }
    }
}

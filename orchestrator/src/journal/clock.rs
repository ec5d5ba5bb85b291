//! The time of a run: [`Clock`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::store::{ClockReading, Timeline, Wake};

/// The clocks that delays are recorded with, two of them for each.
///
/// One is the time of day, which may be set at any time, and is all that is left after the machine was restarted. The other
/// one counts from there and is never set. On Linux it counts since boot and does not stop while the machine is suspended, so that
/// another process on the same boot can read it, too; elsewhere it is this process's own.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    opened: Instant,
    source: Source,
    /// As of when the journal was opened.
    reading: ClockReading,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// The system's clocks. How long the machine had been suspended when the journal was opened.
    System(Duration),
    /// A time of day that advances with tokio's clock.
    Given(SystemTime),
}

impl Clock {
    /// The system's clocks.
    pub(super) fn system() -> Self {
        let suspended = boot::suspended();
        let reading = ClockReading {
            name: boot::name().unwrap_or_else(private_name),
            tick: boot::since().map_or(0, millis),
            at: unix_millis(SystemTime::now()),
        };
        Self {
            opened: Instant::now(),
            source: Source::System(suspended),
            reading,
        }
    }

    /// A time of day that advances with tokio's clock from now on.
    pub(super) fn given(now: SystemTime) -> Self {
        let reading = ClockReading {
            name: private_name(),
            tick: 0,
            at: unix_millis(now),
        };
        Self {
            opened: Instant::now(),
            source: Source::Given(now),
            reading,
        }
    }

    /// Returns the readings from when the journal was opened.
    pub(super) fn reading(&self) -> &ClockReading {
        &self.reading
    }

    /// The run's time, in milliseconds: see [`Timeline`].
    pub(super) fn now(&self) -> i64 {
        self.reading.at.saturating_add(millis(self.since()))
    }

    /// The time of day, in unix milliseconds.
    pub(super) fn time_of_day(&self) -> i64 {
        unix_millis(self.system_time())
    }

    /// When a pause that begins now is over: not before it is, in whole milliseconds.
    pub(super) fn wake_after(&self, pause: Duration, timeline: &Timeline) -> Wake {
        let since = self.since().saturating_add(pause);
        let since = i64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        let at = self.system_time().duration_since(UNIX_EPOCH);
        let at = at.unwrap_or_default().saturating_add(pause);
        Wake {
            at: i64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX),
            full: pause,
            clock: timeline.clock,
            tick: self.reading.tick.saturating_add(since),
        }
    }

    /// When the run's time will be this.
    pub(super) fn instant(&self, at: i64) -> Instant {
        let left = u64::try_from(at.saturating_sub(self.now())).unwrap_or(0);
        let instant = Instant::now().checked_add(Duration::from_millis(left));
        instant.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400))
    }

    fn since(&self) -> Duration {
        let awake = self.opened.elapsed();
        match self.source {
            Source::System(before) => awake + boot::suspended().saturating_sub(before),
            Source::Given(_) => awake,
        }
    }

    fn system_time(&self) -> SystemTime {
        match self.source {
            Source::System(_) => SystemTime::now(),
            Source::Given(opened) => opened.checked_add(self.opened.elapsed()).unwrap_or(opened),
        }
    }
}

/// The name of a clock that nobody else can read.
fn private_name() -> String {
    format!("run {}", crate::engine::run_id())
}

fn unix_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The time since the machine was started.
#[cfg(target_os = "linux")]
mod boot {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn name() -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(format!("boot {}", id.trim()))
    }

    pub(super) fn since() -> Option<Duration> {
        read(ClockId::Boottime)
    }

    /// How much of it the machine was suspended.
    pub(super) fn suspended() -> Duration {
        // In this order: what passes between the two readings must not count as suspended.
        let boot = read(ClockId::Boottime).unwrap_or_default();
        let awake = read(ClockId::Monotonic).unwrap_or_default();
        boot.saturating_sub(awake)
    }

    fn read(clock: ClockId) -> Option<Duration> {
        let time = clock_gettime(clock);
        Some(Duration::new(
            time.tv_sec.try_into().ok()?,
            time.tv_nsec.try_into().ok()?,
        ))
    }
}

#[cfg(not(target_os = "linux"))]
mod boot {
    use std::time::Duration;

    pub(super) fn name() -> Option<String> {
        None
    }

    pub(super) fn since() -> Option<Duration> {
        None
    }

    pub(super) fn suspended() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(clock: &Clock) -> Timeline {
        Timeline {
            opened: clock.reading().at,
            tick: clock.reading().tick,
            clock: 1,
            same: [].into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_given_clock_goes_on_with_tokios_time() {
        let clock = Clock::given(UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(clock.now(), 1_000);
        tokio::time::advance(Duration::from_millis(234)).await;
        assert_eq!(clock.now(), 1_234);
        assert_eq!(clock.time_of_day(), 1_234);
        assert_eq!(
            clock.instant(1_300) - Instant::now(),
            Duration::from_millis(66)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_never_recorded_shorter_than_it_is() {
        let clock = Clock::given(UNIX_EPOCH + Duration::from_micros(1_700));
        tokio::time::advance(Duration::from_micros(300)).await;
        let timeline = timeline(&clock);
        let wake = clock.wake_after(Duration::from_micros(800), &timeline);
        assert_eq!((wake.at, wake.tick), (3, 2));
        let wake = clock.wake_after(Duration::MAX, &timeline);
        assert_eq!((wake.at, wake.tick), (i64::MAX, i64::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_before_1970_is_no_error() {
        let clock = Clock::given(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(clock.now(), -1_000);
        let wake = clock.wake_after(Duration::from_secs(5), &timeline(&clock));
        assert_eq!(wake.at, 5_000);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn two_processes_on_one_boot_read_the_same_clock() {
        let (first, second) = (Clock::system(), Clock::system());
        assert_eq!(first.reading().name, second.reading().name);
        let wake = first.wake_after(Duration::from_secs(60), &timeline(&first));
        let later = Timeline {
            clock: 2,
            same: [1].into(),
            ..timeline(&second)
        };
        let left = later.due(&wake) - second.now();
        assert!((59_000..=60_001).contains(&left), "{left}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_time_of_day_that_is_set_moves_no_delay_on_the_same_boot() {
        let clock = Clock::system();
        let mut wake = clock.wake_after(Duration::from_secs(60), &timeline(&clock));
        // As recorded by a process whose time of day was twenty years off.
        wake.at = wake.at.saturating_sub(20 * 365 * 86_400_000);
        let left = timeline(&clock).due(&wake) - clock.now();
        assert!((59_000..=60_001).contains(&left), "{left}");
    }
}

//! The speed of a run: [`Speed`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time over which the speed is an average.
const OVER: Duration = Duration::from_secs(15);

/// How many rows end in a second, over the last while.
///
/// Not `indicatif`'s speed: that counts rows whose results are replayed from a journal, which come at
/// once and say nothing about the others.
#[derive(Debug, Default)]
pub(crate) struct Speed {
    /// How many rows had ended by when. The first one is as old as [`OVER`], if any is.
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// Notes that `ended` rows have ended by `now`.
    pub(crate) fn note(&mut self, now: Instant, ended: u64) {
        self.samples.push_back((now, ended));
        while self
            .samples
            .get(1)
            .is_some_and(|&(at, _)| now.duration_since(at) >= OVER)
        {
            self.samples.pop_front();
        }
    }

    /// Returns the speed, or `None` if no row has ended in this time.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
    pub(crate) fn per_second(&self) -> Option<f64> {
        let (&(begin, before), &(end, after)) = (self.samples.front()?, self.samples.back()?);
        let ended = after.saturating_sub(before);
        let took = end.duration_since(begin).as_secs_f64();
        (ended > 0 && took > 0.0).then(|| ended as f64 / took)
    }

    /// Returns how long `rows` more take at this speed.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
    pub(crate) fn time_for(&self, rows: u64) -> Option<Duration> {
        Duration::try_from_secs_f64(rows as f64 / self.per_second()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(samples: &[(u64, u64)]) -> Speed {
        let begin = Instant::now();
        let mut speed = Speed::default();
        for &(second, ended) in samples {
            speed.note(begin + Duration::from_secs(second), ended);
        }
        speed
    }

    #[test]
    fn there_is_no_speed_before_anything_has_ended() {
        for samples in [&[][..], &[(0, 0)], &[(0, 0), (9, 0)], &[(0, 7), (9, 7)]] {
            let speed = speed(samples);
            assert_eq!((speed.per_second(), speed.time_for(1)), (None, None));
        }
    }

    #[test]
    fn the_speed_is_that_of_the_last_while() {
        let speed = speed(&[
            (0, 0),
            (10, 1_000),
            (100, 1_000),
            (110, 1_020),
            (120, 1_040),
        ]);
        assert_eq!(speed.per_second(), Some(2.0));
        assert_eq!(speed.time_for(60), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_run_that_stalls_has_no_speed() {
        let samples: Vec<_> = (0..60).map(|second| (second, second.min(10))).collect();
        let speed = speed(&samples);
        assert_eq!(speed.per_second(), None);
        assert!(speed.samples.len() < 20);
    }
}

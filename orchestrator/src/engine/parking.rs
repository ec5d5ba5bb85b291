//! A worker's waiting tasks: [`Parking`].

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::chunks::{Bucket, Chunks};
use super::contain::discard_all;
use super::timer::HORIZON;
use super::waiting::Waiting;
use crate::TaskId;

/// A task between two steps. This and nothing else is what a waiting task costs.
#[derive(Debug)]
pub(super) struct Standing<S> {
    pub(super) state: S,
    pub(super) id: TaskId,
    pub(super) ordinal: u64,
    /// The number of the next attempt at the next step, from 1.
    pub(super) attempt: u32,
    /// The index of the step that people are told it stands at: of the delay, while it waits there.
    pub(super) step: u32,
}

/// Tasks that are parked until their time: by milliseconds, in chunks.
///
/// One bucket a tick costs little where many tasks wait, and finds the due ones without comparing
/// them.
pub(super) struct Parking<S> {
    epoch: Instant,
    buckets: BTreeMap<u64, Bucket<Standing<S>>>,
    due: Chunks<Standing<S>>,
    waiting: usize,
}

impl<S> Parking<S> {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            buckets: BTreeMap::new(),
            due: Chunks::new(),
            waiting: 0,
        }
    }

    /// How many tasks are parked, those that are due but not yet taken included.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Parks a task for at least `pause`.
    pub(super) fn park(&mut self, task: Standing<S>, pause: Duration) {
        let until = self.epoch.elapsed().saturating_add(pause);
        let tick = u64::try_from(until.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        self.buckets
            .entry(tick)
            .or_insert_with(Bucket::new)
            .push(task);
        self.waiting += 1;
    }

    /// Takes a task whose time has come.
    pub(super) fn pop_due(&mut self) -> Option<Standing<S>> {
        let task = self.due.pop()?;
        self.waiting -= 1;
        Some(task)
    }

    /// Whether a task's time has come.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Looks up whose time has come since the last call.
    pub(super) fn collect_due(&mut self) {
        if self.buckets.is_empty() {
            return;
        }
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        while let Some(bucket) = self.buckets.first_entry() {
            if *bucket.key() > now {
                break;
            }
            self.due.add(bucket.remove());
        }
    }

    /// Makes every parked task due.
    pub(super) fn all_due(&mut self) {
        while let Some((_, bucket)) = self.buckets.pop_first() {
            self.due.add(bucket);
        }
    }

    /// Makes every task due that waits at a gate.
    pub(super) fn take_over(&mut self, waiting: &mut Waiting<S>) {
        self.waiting += waiting.len();
        waiting.move_to(&mut self.due);
    }

    /// When the next task's time comes. `None` while nothing is parked.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let (&tick, _) = self.buckets.first_key_value()?;
        let at = self.epoch.checked_add(Duration::from_millis(tick));
        // Beyond what the clock can say: the timer is set anew before then.
        Some(at.unwrap_or_else(|| Instant::now() + 2 * HORIZON))
    }
}

impl<S> Drop for Parking<S> {
    fn drop(&mut self) {
        self.all_due();
        discard_all(std::iter::from_fn(|| self.pop_due()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::super::chunks::CHUNK;
    use super::super::timer::Timer;
    use super::*;

    /// Waits for the next task's time.
    async fn next_due<S>(parking: &Parking<S>, timer: &mut Timer) {
        poll_fn(|cx| match parking.next_due() {
            Some(at) => timer.poll_until(at, cx),
            None => Poll::Pending,
        })
        .await;
    }

    fn task(ordinal: u64) -> Standing<()> {
        Standing {
            state: (),
            id: TaskId(ordinal),
            ordinal,
            attempt: 1,
            step: 0,
        }
    }

    fn due<S>(parking: &mut Parking<S>) -> Vec<u64> {
        parking.collect_due();
        std::iter::from_fn(|| parking.pop_due())
            .map(|task| task.ordinal)
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_come_back_by_their_time() {
        let mut parking = Parking::new();
        for (ordinal, millis) in [(0, 30), (1, 10), (2, 20), (3, 10)] {
            parking.park(task(ordinal), Duration::from_millis(millis));
        }
        let mut order = Vec::new();
        let mut timer = Timer::default();
        while parking.waiting() > 0 {
            next_due(&parking, &mut timer).await;
            order.extend(due(&mut parking));
        }
        assert_eq!(order, [1, 3, 2, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_shortened() {
        let mut parking = Parking::new();
        // Its end falls between two ticks.
        let pause = Duration::from_micros(10_500);
        tokio::time::advance(Duration::from_micros(700)).await;
        parking.park(task(0), pause);
        tokio::time::advance(Duration::from_micros(10_499)).await;
        assert!(due(&mut parking).is_empty());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(due(&mut parking), [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_tasks_of_one_tick_keep_their_order() {
        let mut parking = Parking::new();
        let count = CHUNK as u64 * 3 + 1;
        for ordinal in 0..count {
            parking.park(task(ordinal), Duration::from_millis(5));
        }
        tokio::time::advance(Duration::from_millis(5)).await;
        assert_eq!(due(&mut parking), (0..count).collect::<Vec<_>>());
        assert_eq!(parking.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_without_end_is_no_error() {
        let mut parking = Parking::new();
        parking.park(task(0), Duration::MAX);
        let mut timer = Timer::default();
        let wait = next_due(&parking, &mut timer);
        // The timer is set anew once a day; that is no time for a task to come back.
        assert!(tokio::time::timeout(10 * HORIZON, wait).await.is_err());
        assert!(due(&mut parking).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_pause_is_not_kept_waiting_by_a_longer_one() {
        let mut parking = Parking::new();
        parking.park(task(0), Duration::from_secs(60));
        let mut timer = Timer::default();
        let wait = next_due(&parking, &mut timer);
        assert!(
            tokio::time::timeout(Duration::from_secs(1), wait)
                .await
                .is_err()
        );
        parking.park(task(1), Duration::from_secs(1));
        let before = Instant::now();
        next_due(&parking, &mut timer).await;
        assert!(before.elapsed() < Duration::from_secs(2));
        assert_eq!(due(&mut parking), [1]);
    }
}

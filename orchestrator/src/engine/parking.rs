//! A worker's waiting tasks: [`Parking`].

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::contain::discard_all;
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
/// them; chunks are freed as they are worked off.
pub(super) struct Parking<S> {
    epoch: Instant,
    buckets: BTreeMap<u64, Bucket<S>>,
    due: VecDeque<Vec<Standing<S>>>,
    current: std::vec::IntoIter<Standing<S>>,
    waiting: usize,
    timer: Option<Timer>,
}

/// The worker's one timer, made when the first task is parked: no task has one of its own.
struct Timer {
    tick: u64,
    sleep: Pin<Box<Sleep>>,
}

struct Bucket<S> {
    full: Vec<Vec<Standing<S>>>,
    last: Vec<Standing<S>>,
}

/// The most tasks in a chunk.
const CHUNK: usize = 512;

/// The longest that the timer is set for. Later wake-ups take more than one setting.
const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

impl<S> Parking<S> {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            buckets: BTreeMap::new(),
            due: VecDeque::new(),
            current: Vec::new().into_iter(),
            waiting: 0,
            timer: None,
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
        let task = loop {
            if let Some(task) = self.current.next() {
                break task;
            }
            self.current = self.due.pop_front()?.into_iter();
        };
        self.waiting -= 1;
        Some(task)
    }

    /// Whether a task's time has come.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty() || self.current.len() > 0
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
            self.due.extend(bucket.remove().into_chunks());
        }
    }

    /// Makes every parked task due.
    pub(super) fn all_due(&mut self) {
        while let Some((_, bucket)) = self.buckets.pop_first() {
            self.due.extend(bucket.into_chunks());
        }
    }

    /// Waits for the next task's time. Never ready while nothing is parked.
    pub(super) fn poll_next_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((&tick, _)) = self.buckets.first_key_value() else {
            return Poll::Pending;
        };
        let deadline = self
            .epoch
            .checked_add(Duration::from_millis(tick))
            .unwrap_or_else(far)
            .min(far());
        let timer = self.timer.get_or_insert_with(|| Timer {
            tick,
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
        });
        if timer.tick != tick || timer.sleep.is_elapsed() {
            timer.tick = tick;
            timer.sleep.as_mut().reset(deadline);
        }
        timer.sleep.as_mut().poll(cx)
    }
}

fn far() -> Instant {
    Instant::now() + HORIZON
}

impl<S> Bucket<S> {
    fn new() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
        }
    }

    fn push(&mut self, task: Standing<S>) {
        if self.last.len() == CHUNK {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(CHUNK));
            self.full.push(full);
        }
        // A `Vec` of its own accord begins at 4 and doubles, up to a chunk exactly.
        self.last.push(task);
    }

    fn into_chunks(self) -> impl Iterator<Item = Vec<Standing<S>>> {
        self.full.into_iter().chain([self.last])
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

    use super::*;

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
        while parking.waiting() > 0 {
            poll_fn(|cx| parking.poll_next_due(cx)).await;
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
        let wait = poll_fn(|cx| parking.poll_next_due(cx));
        // The timer is set anew once a day; that is no time for a task to come back.
        assert!(tokio::time::timeout(10 * HORIZON, wait).await.is_err());
        assert!(due(&mut parking).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_pause_is_not_kept_waiting_by_a_longer_one() {
        let mut parking = Parking::new();
        parking.park(task(0), Duration::from_secs(60));
        let wait = poll_fn(|cx| parking.poll_next_due(cx));
        assert!(
            tokio::time::timeout(Duration::from_secs(1), wait)
                .await
                .is_err()
        );
        parking.park(task(1), Duration::from_secs(1));
        let before = Instant::now();
        poll_fn(|cx| parking.poll_next_due(cx)).await;
        assert!(before.elapsed() < Duration::from_secs(2));
        assert_eq!(due(&mut parking), [1]);
    }
}

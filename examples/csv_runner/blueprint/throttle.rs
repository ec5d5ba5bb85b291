//! Holds back the requests to a server that asks for a pause: [`Throttle`].

mod state;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orchestrator::Rate;
use tokio::sync::Notify;

use self::state::{State, Wait};

/// Holds back the requests to a server that asks for a pause.
///
/// All tasks share one throttle, so that one of them learns for all when the server is to be asked again.
/// There is one for each endpoint. Until the first pause, and again after recovery, a request costs two
/// atomic loads and no lock.
pub(super) struct Throttle {
    /// Copies of what the state says, to be read without the lock.
    is_on: AtomicBool,
    epoch: AtomicU64,
    shared: Mutex<Shared>,
}

struct Shared {
    state: State,
    next_number: u64,
    /// The requests that wait, by number. The first one looks after the time; others are woken by the one
    /// before them.
    line: BTreeMap<u64, Arc<Notify>>,
}

/// A request's place in the line, which it keeps until it has an answer other than a pause.
///
/// Older requests go first: a request that was refused is repeated before new ones are sent.
pub(super) struct Place<'a> {
    throttle: &'a Throttle,
    number: u64,
    is_waiting: bool,
}

/// The right to send one request.
pub(super) struct Turn<'a> {
    throttle: &'a Throttle,
    epoch: u64,
    /// Whether the state counts it as under way.
    counts: bool,
}

impl Throttle {
    /// A throttle for a caller that has up to `most` requests under way, at this rate.
    pub(super) fn new(most: usize, rate: Rate) -> Self {
        Self {
            is_on: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            shared: Mutex::new(Shared {
                state: State::new(most, rate.interval()),
                next_number: 0,
                line: BTreeMap::new(),
            }),
        }
    }

    /// Sends at once if no request has to wait.
    pub(super) fn try_turn(&self) -> Option<Turn<'_>> {
        let epoch = self.epoch.load(Ordering::Acquire);
        (!self.is_on.load(Ordering::Acquire)).then_some(Turn {
            throttle: self,
            epoch,
            counts: false,
        })
    }

    /// A place at the end of the line.
    pub(super) fn line_up(&self) -> Place<'_> {
        let mut shared = self.lock();
        let number = shared.next_number;
        shared.next_number += 1;
        Place {
            throttle: self,
            number,
            is_waiting: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing under the lock panics.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut shared = self.lock();
        change(&mut shared.state);
        self.epoch.store(shared.state.epoch(), Ordering::Release);
        self.is_on.store(shared.state.is_on(), Ordering::Release);
        if shared.state.is_on() {
            shared.wake_first();
        } else {
            shared.line.values().for_each(|place| place.notify_one());
        }
    }
}

impl Shared {
    fn wake_first(&self) {
        if let Some((_, first)) = self.line.first_key_value() {
            first.notify_one();
        }
    }

    fn leave(&mut self, number: u64) {
        self.line.remove(&number);
        self.wake_first();
    }
}

impl<'a> Place<'a> {
    /// Waits until the request may be sent.
    ///
    /// # Cancel safety
    ///
    /// The place is kept, and given up when it is dropped.
    pub(super) async fn turn(&mut self) -> Turn<'a> {
        loop {
            let (woken, wait) = match self.ask(Instant::now()) {
                Ok(turn) => return turn,
                Err(waiting) => waiting,
            };
            match wait {
                Some(Wait::Until(time)) => {
                    // Either leads to another look at the state.
                    let _ = tokio::time::timeout_at(time.into(), woken.notified()).await;
                }
                Some(Wait::ForAnswer) | None => woken.notified().await,
            }
        }
    }

    /// Takes the turn, or says what wakes the place and, if it is the first one, for what it waits.
    fn ask(&mut self, now: Instant) -> Result<Turn<'a>, (Arc<Notify>, Option<Wait>)> {
        let mut shared = self.throttle.lock();
        let counts = shared.state.is_on();
        if counts {
            let is_first = shared.line.range(..self.number).next().is_none();
            let begun = is_first.then(|| shared.state.begin(now));
            if begun != Some(Ok(())) {
                self.is_waiting = true;
                let woken = shared.line.entry(self.number).or_default();
                return Err((Arc::clone(woken), begun.and_then(Result::err)));
            }
        }
        if std::mem::take(&mut self.is_waiting) {
            shared.leave(self.number);
        }
        Ok(Turn {
            throttle: self.throttle,
            epoch: shared.state.epoch(),
            counts,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.throttle.lock().leave(self.number);
        }
    }
}

impl Turn<'_> {
    /// The server answered well.
    pub(super) fn succeeded(&self) {
        if self.throttle.is_on.load(Ordering::Acquire) {
            self.throttle.update(|state| state.succeeded(self.epoch));
        }
    }

    /// The server asks for a pause. Returns whether it is the first one.
    pub(super) fn throttled(&self, pause: Duration) -> bool {
        let mut is_first = false;
        self.throttle.update(|state| {
            is_first = state.epoch() == 0;
            state.throttled(Instant::now(), pause, self.epoch);
        });
        is_first
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.counts {
            self.throttle.update(State::end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(50);

    fn throttled() -> Throttle {
        let throttle = Throttle::new(4, Rate::UNLIMITED);
        let turn = throttle.try_turn().unwrap();
        assert!(turn.throttled(PAUSE));
        assert!(!turn.throttled(PAUSE));
        drop(turn);
        throttle
    }

    #[tokio::test]
    async fn no_request_waits_before_the_first_pause() {
        let throttle = Throttle::new(2, Rate::UNLIMITED);
        let turns: Vec<_> = (0..10).map(|_| throttle.try_turn().unwrap()).collect();
        turns.iter().for_each(Turn::succeeded);
    }

    #[tokio::test]
    async fn a_pause_holds_for_all_requests() {
        let begun = Instant::now();
        let throttle = throttled();
        assert!(throttle.try_turn().is_none());
        let (mut one, mut two) = (throttle.line_up(), throttle.line_up());
        let _turn = one.turn().await;
        assert!(begun.elapsed() >= PAUSE);
        // One may be under way until there is a good answer.
        assert!(tokio::time::timeout(PAUSE, two.turn()).await.is_err());
    }

    #[tokio::test]
    async fn an_older_request_goes_first_when_it_comes_back() {
        let throttle = throttled();
        let (mut old, mut new) = (throttle.line_up(), throttle.line_up());
        let turn = old.turn().await;
        let mut new_turn = pin!(new.turn());
        let is_ready = poll_fn(|cx| Poll::Ready(new_turn.as_mut().poll(cx).is_ready())).await;
        assert!(!is_ready);
        turn.throttled(PAUSE);
        drop(turn);
        let turn = tokio::select! {
            biased;
            _ = new_turn => panic!("the new request went first"),
            turn = old.turn() => turn,
        };
        drop(turn);
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_holds_up_nobody() {
        let throttle = throttled();
        let (mut first, mut second) = (throttle.line_up(), throttle.line_up());
        let turn = tokio::join!(
            async {
                let waits = tokio::time::timeout(PAUSE / 5, first.turn()).await;
                assert!(waits.is_err());
                drop(first);
            },
            second.turn()
        );
        drop(turn);
        assert!(throttle.lock().line.is_empty());
    }

    #[tokio::test]
    async fn all_requests_get_their_turn() {
        let throttle = throttled();
        let requests = (0..100).map(|_| async {
            let turn = throttle.line_up().turn().await;
            tokio::task::yield_now().await;
            turn.succeeded();
        });
        futures_util::future::join_all(requests).await;
        assert!(throttle.try_turn().is_some(), "it has recovered");
    }
}

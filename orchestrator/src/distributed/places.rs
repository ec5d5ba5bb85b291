//! What bounds steps in this process: [`Places`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::Blueprint;

/// The most steps that execute at once, and the `limit` and `rate` of each, over all tasks of a blueprint
/// in this process.
#[derive(Debug)]
pub(crate) struct Places {
    all: Semaphore,
    steps: Vec<Gate>,
}

#[derive(Debug)]
struct Gate {
    places: Option<Semaphore>,
    rate: Option<Schedule>,
}

/// When a step may begin next.
#[derive(Debug)]
struct Schedule {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

/// A place in a step. It is given back by dropping it.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub(crate) struct Place<'a>(
    #[expect(dead_code, reason = "to be dropped")] Option<SemaphorePermit<'a>>,
    #[expect(dead_code, reason = "to be dropped")] Option<SemaphorePermit<'a>>,
);

impl Places {
    /// For a blueprint of which `concurrency` steps may execute at once.
    pub(crate) fn new<B: Blueprint>(blueprint: &B, concurrency: usize) -> Self {
        let gate = |step| {
            let bounds = blueprint.bounds(step);
            let most = |limit: usize| Semaphore::new(limit.min(Semaphore::MAX_PERMITS));
            Gate {
                places: bounds.most().map(most),
                rate: bounds.interval().map(|interval| Schedule {
                    interval,
                    next: Mutex::new(None),
                }),
            }
        };
        Self {
            all: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            steps: (0..B::STEPS.len()).map(gate).collect(),
        }
    }

    /// Waits until a task may begin the step of this index, in order of asking.
    pub(crate) async fn enter(&self, step: usize) -> Place<'_> {
        let gate = self.steps.get(step);
        // No semaphore here is ever closed, which would be the error.
        let place = match gate.and_then(|gate| gate.places.as_ref()) {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        if let Some(rate) = gate.and_then(|gate| gate.rate.as_ref()) {
            tokio::time::sleep_until(rate.reserve(Instant::now())).await;
        }
        Place(place, self.all.acquire().await.ok())
    }
}

impl Schedule {
    /// The next time that is nobody's yet. Time in which nobody came gives no credit.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at.checked_add(self.interval).unwrap_or(at));
        at
    }
}

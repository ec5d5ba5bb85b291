//! What bounds steps in this process: [`Places`].

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

/// When a step may begin next. Who is to be next waits with the lock held, and who goes away meanwhile leaves
/// no gap.
#[derive(Debug)]
struct Schedule {
    interval: Duration,
    next: tokio::sync::Mutex<Instant>,
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
                    next: tokio::sync::Mutex::new(Instant::now()),
                }),
            }
        };
        Self {
            all: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            steps: (0..B::STEPS.len()).map(gate).collect(),
        }
    }

    /// Waits until a task may begin the step of this index, in order of asking. Who goes away and comes back asks
    /// anew.
    pub(crate) async fn enter(&self, step: usize) -> Place<'_> {
        let gate = self.steps.get(step);
        // No semaphore here is ever closed, which would be the error.
        let place = match gate.and_then(|gate| gate.places.as_ref()) {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        let Some(rate) = gate.and_then(|gate| gate.rate.as_ref()) else {
            return Place(place, self.all.acquire().await.ok());
        };
        let mut next = rate.next.lock().await;
        tokio::time::sleep_until(*next).await;
        let permit = self.all.acquire().await.ok();
        let now = Instant::now();
        *next = now.checked_add(rate.interval).unwrap_or(now);
        Place(place, permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Advance, Bounds, Rate, StepContext, StepInfo, StepKind};

    /// A step that begins twice a second.
    struct Rated;

    impl Blueprint for Rated {
        type Input = ();
        type Output = ();
        type State = ();

        const NAME: &'static str = "Rated";
        const STEPS: &'static [StepInfo] =
            &[StepInfo::new("only", StepKind::Step, || "()", || "()")];

        fn start((): ()) {}

        fn position((): &()) -> usize {
            0
        }

        fn bounds(&self, _: usize) -> Bounds {
            Bounds::none().rate(Rate::per_second(2))
        }

        async fn advance(&self, (): (), _: &StepContext) -> Advance<(), ()> {
            Advance::Done(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_holds_though_there_is_one_place_and_others_go_away() {
        let places = Places::new(&Rated, 1);
        let began = Instant::now();
        for n in 0..10 {
            // Somebody who does not wait for long takes nobody's time.
            let impatient = tokio::time::timeout(Duration::from_millis(1), places.enter(0));
            drop(impatient.await);
            drop(places.enter(0).await);
            assert!(began.elapsed() >= Duration::from_millis(500 * n));
        }
        assert!(
            began.elapsed() < Duration::from_secs(6),
            "{:?}",
            began.elapsed()
        );
    }
}

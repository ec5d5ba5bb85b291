//! `limit` and `rate`: as the attribute hands them to the engine, and as the engine keeps to them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orchestrator::{Blueprint, Bounds, Orchestrator, Rate, Task, blueprint, diagram};
use tokio::time::Instant;

const MOST: usize = 2;

struct Bounded {
    connections: usize,
    often: Rate,
}

#[blueprint]
impl Bounded {
    #[step(limit = 10, rate = "100/s")]
    async fn literals(&self, number: u32) -> u32 {
        number
    }

    #[step(limit = self.connections, rate = self.often)]
    async fn of_self(&self) {}

    #[step(limit = { MOST + 1 })]
    async fn of_a_constant(&self) {}

    #[step]
    async fn free(&self) {}
}

#[test]
fn the_attribute_says_what_bounds_each_step() {
    let bounded = Bounded {
        connections: 3,
        often: Rate::per_minute(6),
    };
    let bounds: Vec<_> = (0..4).map(|step| bounded.bounds(step)).collect();
    assert_eq!(
        bounds,
        [
            Bounds::none().limit(10).rate(Rate::per_second(100)),
            Bounds::none().limit(3).rate(Rate::per_minute(6)),
            Bounds::none().limit(3),
            Bounds::none(),
        ]
    );
}

#[test]
fn bounds_are_described_as_they_were_written() {
    let step = Bounded::STEPS[0];
    assert_eq!((step.limit(), step.rate()), (Some("10"), Some("100/s")));
    let picture = diagram::<Bounded>();
    assert!(
        picture.contains(r#""literals<br>limit = 10<br>rate = 100/s""#),
        "{picture}"
    );
}

/// Counts who is in its limited step.
#[derive(Default)]
struct Counting {
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

struct Counted(Arc<Counting>);

#[blueprint]
impl Counted {
    #[step(limit = 3, retry(times = 1, backoff = "1s"))]
    async fn count(&self, is_flaky: &bool) -> anyhow::Result<()> {
        let inside = self.0.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_inside.fetch_max(inside, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
        anyhow::ensure!(!is_flaky);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_tasks_are_in_a_limited_step_than_it_says() {
    let counting = Arc::new(Counting::default());
    let orchestrator = Orchestrator::new(Counted(counting.clone())).workers(2);
    let begin = Instant::now();
    let tasks = (0..30).map(|id| Task::new(id, id % 10 == 0));
    let results = orchestrator.execute_tasks(tasks).await.unwrap();
    let failed = results.iter().filter(|result| result.outcome.is_err());
    assert_eq!(failed.count(), 3);
    assert_eq!(counting.most_inside.load(Ordering::SeqCst), 3);
    // 33 attempts of a second each, three at a time.
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_secs(11) && took < Duration::from_secs(13),
        "{took:?}"
    );
}

/// Notes when its step began.
struct Paced(Arc<Mutex<Vec<Instant>>>);

#[blueprint]
impl Paced {
    #[step(rate = "10/s")]
    async fn note(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_begins_no_more_often_than_its_rate_says() {
    let begin = Instant::now();
    let times = Arc::default();
    let orchestrator = Orchestrator::new(Paced(Arc::clone(&times)));
    let tasks = (0..50).map(|id| Task::new(id, ()));
    assert_eq!(orchestrator.execute_tasks(tasks).await.unwrap().len(), 50);
    let times = times.lock().unwrap().clone();
    assert_eq!(times.len(), 50);
    for (index, time) in times.iter().enumerate() {
        let slot = Duration::from_millis(100) * u32::try_from(index).unwrap();
        let late = time.duration_since(begin).checked_sub(slot).unwrap();
        assert!(late < Duration::from_millis(50), "{index}: {late:?} late");
    }
}

struct NoneAtAll(usize);

#[blueprint]
impl NoneAtAll {
    #[step(limit = self.0)]
    async fn only(&self) {}
}

#[test]
#[should_panic(expected = "the limit of step `only` is 0: it would let no task in")]
fn a_limit_that_turns_out_to_be_zero_is_refused_where_the_orchestrator_is_made() {
    let _ = Orchestrator::new(NoneAtAll(0));
}

//! Delays over a crash: neither shortened nor begun anew.

use std::time::{Duration, SystemTime};

use futures_util::stream;
use orchestrator::{Orchestrator, blueprint};
use tokio::time::Instant;

use crate::trace::Trace;
use crate::{Place, tasks};

const BEGIN: SystemTime = SystemTime::UNIX_EPOCH;

/// Runs tasks in these delays for a time, and drops the run.
async fn cut_off(place: &Place, delays: &[i64], after: Duration) {
    let journal = place.journal().await.at(BEGIN);
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap();
    let tasks = tasks(delays.to_vec());
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    tokio::time::sleep(after).await;
    drop(results);
}

/// How long the run takes that goes on at this time.
async fn gone_on(place: &Place, delays: &[i64], at: SystemTime) -> Duration {
    let journal = place.journal().await.at(at);
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap();
    let began = Instant::now();
    let results = orchestrator
        .execute_tasks(tasks(delays.to_vec()))
        .await
        .unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    began.elapsed()
}

#[track_caller]
fn assert_about(took: Duration, millis: u64) {
    let (least, most) = (
        Duration::from_millis(millis),
        Duration::from_millis(millis + 5),
    );
    assert!((least..most).contains(&took), "{took:?}, not {least:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_short_delay_is_waited_for() {
    let place = Place::new();
    cut_off(&place, &[5_000], Duration::from_secs(2)).await;
    let took = gone_on(&place, &[5_000], BEGIN + Duration::from_secs(3)).await;
    assert_about(took, 2_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_long_delay_is_waited_for() {
    let place = Place::new();
    cut_off(&place, &[3_600_000], Duration::from_secs(60)).await;
    let took = gone_on(&place, &[3_600_000], BEGIN + Duration::from_secs(600)).await;
    assert_about(took, 3_000_000);
}

#[tokio::test(start_paused = true)]
async fn time_that_passes_before_the_run_begins_counts() {
    let place = Place::new();
    let journal = place.journal().await.at(BEGIN);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([5_000])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop((results, orchestrator));
    let took = gone_on(&place, &[5_000], BEGIN + Duration::from_secs(2)).await;
    assert_about(took, 4_000);
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_is_over_is_not_waited_for() {
    let place = Place::new();
    cut_off(&place, &[3_600_000, 4_000], Duration::from_secs(1)).await;
    let took = gone_on(
        &place,
        &[3_600_000, 4_000],
        BEGIN + Duration::from_secs(7_200),
    )
    .await;
    assert_about(took, 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_makes_no_delay_longer_than_it_was() {
    for delay in [5_000, 60_000] {
        let place = Place::new();
        cut_off(&place, &[delay], Duration::from_secs(1)).await;
        let took = gone_on(&place, &[delay], BEGIN - Duration::from_secs(86_400)).await;
        assert_about(took, delay.unsigned_abs());
    }
}

/// Two delays of so many seconds.
struct Twice(u64);

#[blueprint]
impl Twice {
    #[step]
    async fn begin(&self, _: &i64) {}

    #[delay]
    fn first(&self) -> Duration {
        Duration::from_secs(self.0)
    }

    #[step]
    async fn go_on(&self, _: &i64) {}

    #[delay]
    fn second(&self) -> Duration {
        Duration::from_secs(self.0)
    }

    #[step]
    async fn end(&self, _: &i64) {}
}

#[tokio::test(start_paused = true)]
async fn a_delay_after_one_that_a_clock_was_set_back_in_ends_too() {
    for seconds in [5, 60, 3_600] {
        for back in [2, 30, 86_400] {
            let place = Place::new();
            let journal = place.journal().await.at(BEGIN);
            let orchestrator = Orchestrator::new(Twice(seconds)).journal(journal).unwrap();
            let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([7])));
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop((results, orchestrator));
            let journal = place.journal().await.at(BEGIN - Duration::from_secs(back));
            let orchestrator = Orchestrator::new(Twice(seconds)).journal(journal).unwrap();
            let began = Instant::now();
            let run = orchestrator.execute_tasks(tasks([7]));
            let results = tokio::time::timeout(Duration::from_secs(100_000), run).await;
            assert!(results.unwrap().unwrap()[0].outcome.is_ok());
            let first = (seconds - 1 + back).min(seconds);
            assert_about(began.elapsed(), (first + seconds) * 1_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_delay_is_as_long_as_it_was_asked_for() {
    let place = Place::new();
    let delays = [10_000, 10_001, 14_999, 15_000, 20_001, 3_600_000];
    let journal = place.journal().await.at(BEGIN);
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap();
    let began = Instant::now();
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks(delays)));
    for delay in delays {
        let result = results.recv().await.unwrap().unwrap();
        assert_eq!(result.outcome.unwrap(), format!("waited {delay}"));
        assert_about(began.elapsed(), delay.unsigned_abs());
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_in_a_long_delay_are_on_disk_alone() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(vec![60_000; 50])));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(orchestrator.stats(), orchestrator::Stats::default());
    // In the last seconds they are in memory again.
    tokio::time::sleep(Duration::from_secs(26)).await;
    assert_eq!(orchestrator.stats().waiting, 50);
    drop(results);
}

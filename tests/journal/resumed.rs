//! A run that is cut off, and gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream;
use orchestrator::{Orchestrator, StepContext, TaskErrorKind, blueprint};
use tokio_util::sync::CancellationToken;

use crate::trace::Trace;
use crate::{Place, line, tasks};

#[tokio::test(start_paused = true)]
async fn a_step_whose_result_is_on_disk_does_not_run_again() {
    let place = Place::new();
    let trace = Trace::holding();
    {
        let orchestrator = place.orchestrator(trace.clone()).await;
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([0, 5])));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(results);
    }
    assert_eq!(trace.runs(), ["0.first", "0.last", "1.first", "1.last"]);

    let again = Trace::default();
    let results = place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks([0, 5]))
        .await
        .unwrap();
    assert_eq!(again.runs(), ["0.last", "1.last"]);
    assert!(
        results
            .iter()
            .all(|result| !result.replayed && result.outcome.is_ok())
    );
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_step_stays_the_same() {
    let place = Place::new();
    let trace = Trace::holding();
    {
        let orchestrator = place.orchestrator(trace.clone()).await;
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([0])));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(results);
    }
    let again = Trace::default();
    place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    assert_eq!(trace.keys()[1], again.keys()[0]);
    assert!(again.keys()[0].ends_with("/0/last"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_cancelled_stays_where_it_was() {
    let place = Place::new();
    let trace = Trace::default();
    let token = CancellationToken::new();
    {
        let orchestrator = place
            .orchestrator(trace.clone())
            .await
            .shutdown(token.clone());
        let run = tokio::spawn(orchestrator.execute_tasks(tasks([60_000, 3_000])));
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel();
        let results = run.await.unwrap().unwrap();
        let kinds = results
            .iter()
            .map(|result| result.outcome.as_ref().unwrap_err().kind());
        assert_eq!(kinds.collect::<Vec<_>>(), [TaskErrorKind::Cancelled; 2]);
    }
    let again = Trace::default();
    let results = place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks([60_000, 3_000]))
        .await
        .unwrap();
    assert_eq!(again.runs(), ["0.last", "1.last"]);
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_never_began_are_read_again() {
    let place = Place::new();
    {
        let orchestrator = place.orchestrator(Trace::holding()).await.concurrency(1);
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([0, 1, 2, 3])));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(results);
    }
    let again = Trace::default();
    let results = place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks([0, 1, 2, 3]))
        .await
        .unwrap();
    let ids: Vec<_> = results.iter().map(|result| result.id.0).collect();
    assert_eq!(ids, [100, 101, 102, 103]);
    assert_eq!(again.lasts(), 4);
}

/// Fails twice before it goes on, and says at which attempt it did.
#[derive(Clone, Default)]
struct Flaky(Arc<AtomicU32>);

#[blueprint]
impl Flaky {
    #[step(retry(times = 2, backoff = "10s", max = "10s"))]
    async fn only(&self, (): (), cx: &StepContext) -> anyhow::Result<u32> {
        let begun = self.0.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(begun >= 2, "not yet");
        Ok(cx.attempt())
    }
}

/// Always fails.
struct Hopeless;

#[blueprint]
impl Hopeless {
    #[step(retry(times = 2, backoff = "10s", max = "10s"))]
    async fn only(&self, (): ()) -> anyhow::Result<()> {
        anyhow::bail!("never")
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_neither_spends_nor_refunds_attempts_nor_cuts_the_pause_between_them() {
    let place = Place::new();
    let flaky = Flaky::default();
    let attempts = || flaky.0.load(Ordering::Relaxed);
    {
        let orchestrator = place.orchestrator(flaky.clone()).await;
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([()])));
        // Within the pause after the first attempt.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(results);
    }
    assert_eq!(attempts(), 1);
    let orchestrator = place.orchestrator(flaky.clone()).await;
    let run = tokio::spawn(orchestrator.execute_tasks(tasks([()])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(attempts(), 1, "the pause was cut");
    let results = run.await.unwrap().unwrap();
    assert_eq!(line(&results[0]), "100 3");
}

#[tokio::test(start_paused = true)]
async fn attempts_count_over_all_processes() {
    let place = Place::new();
    {
        let orchestrator = place.orchestrator(Hopeless).await;
        let _results = orchestrator.execute_tasks_streaming(stream::iter(tasks([()])));
        // Two attempts and the pause between them.
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    let orchestrator = place.orchestrator(Hopeless).await;
    let results = orchestrator.execute_tasks(tasks([()])).await.unwrap();
    assert_eq!(line(&results[0]), "100 Failed only: never (3 attempts)");
}

#[tokio::test(start_paused = true)]
async fn a_small_window_goes_past_tasks_that_wait_on_disk() {
    let place = Place::new();
    let hour = 3_600_000;
    let orchestrator = place.orchestrator(Trace::default()).await.window(2);
    let results = orchestrator
        .execute_tasks(tasks([hour, hour, 1, hour, 2]))
        .await
        .unwrap();
    assert_eq!(results.len(), 5);
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_of_the_input_if_asked_for() {
    use futures_util::StreamExt as _;

    let place = Place::new();
    let inputs = [60_000, 1, 20_000, 5];
    for _ in 0..2 {
        let orchestrator: Orchestrator<_> = place
            .orchestrator(Trace::default())
            .await
            .order(orchestrator::Order::Input);
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(inputs)));
        let ids: Vec<_> = results.map(|result| result.unwrap().id.0).collect().await;
        assert_eq!(ids, [100, 101, 102, 103]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_read_and_never_began_takes_no_row() {
    let place = Place::new();
    let trace = Trace::holding();
    let orchestrator = place.orchestrator(trace.clone()).await.concurrency(1);
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(vec![0; 50])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let journal = rusqlite::Connection::open(place.path()).unwrap();
    let rows: i64 = journal
        .query_row("SELECT COUNT(*) FROM newest", [], |row| row.get(0))
        .unwrap();
    let firsts = trace
        .runs()
        .iter()
        .filter(|run| run.ends_with("first"))
        .count();
    assert!(firsts < 5, "{firsts}");
    assert_eq!(usize::try_from(rows).unwrap(), firsts);
    drop(results);
}

//! Shutdown by token: nothing new, a grace time for what executes, a result for every task.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use orchestrator::{Orchestrator, TaskErrorKind, TaskResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::script::{Op, Script, tasks};

/// Runs so many tasks, cancels after so many milliseconds, and gives all results.
async fn cancelled_after(
    millis: u64,
    script: &Script,
    grace: Duration,
    count: u64,
    ops: &[Op],
) -> Vec<TaskResult<u64>> {
    let token = CancellationToken::new();
    let input = stream::iter(tasks(count, ops)).chain(stream::pending());
    let results = Orchestrator::new(script.clone())
        .workers(2)
        .concurrency(10)
        .shutdown(token.clone())
        .grace(grace)
        .execute_tasks_streaming(input);
    tokio::time::sleep(Duration::from_millis(millis)).await;
    token.cancel();
    results.try_collect().await.unwrap()
}

fn kinds(results: &[TaskResult<u64>]) -> (usize, usize) {
    let cancelled = |result: &&TaskResult<u64>| {
        result
            .outcome
            .as_ref()
            .is_err_and(|error| error.kind() == TaskErrorKind::Cancelled)
    };
    let done = results
        .iter()
        .filter(|result| result.outcome.is_ok())
        .count();
    (done, results.iter().filter(cancelled).count())
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn every_admitted_task_gives_a_result() {
    let script = Script::default();
    let results = cancelled_after(50, &script, LONG, 100, &[Op::Work(100), Op::Ready]).await;
    assert_eq!(results.len(), 100);
    assert_eq!(kinds(&results), (0, 100));
    assert_eq!(
        script.seen.begun(),
        10,
        "no step was begun after the shutdown"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_within_the_grace_time_finishes() {
    // An empty script is at its last step, which is ready at once.
    let script = Script::default();
    let begin = Instant::now();
    let results = cancelled_after(50, &script, LONG, 10, &[Op::Work(1_000)]).await;
    assert_eq!(kinds(&results), (0, 10), "but the next step is not begun");
    assert_eq!(begin.elapsed().as_millis(), 1_000);
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "end: cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_step_beyond_the_grace_time_is_dropped() {
    let script = Script::default();
    let begin = Instant::now();
    let grace = Duration::from_millis(200);
    let results = cancelled_after(50, &script, grace, 10, &[Op::Work(60_000)]).await;
    assert_eq!(kinds(&results), (0, 10));
    assert!(begin.elapsed() < Duration::from_millis(260));
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "work: cancelled (1 attempt)");
}

#[tokio::test(start_paused = true)]
async fn a_parked_task_is_dropped_at_once() {
    let script = Script::default();
    let begin = Instant::now();
    let results = cancelled_after(50, &script, LONG, 5_000, &[Op::Delay(60_000)]).await;
    assert_eq!(kinds(&results), (0, 5_000));
    assert_eq!(begin.elapsed().as_millis(), 50);
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "delay: cancelled", "it names the delay");
}

#[tokio::test(start_paused = true)]
async fn a_task_between_attempts_says_how_many_it_had() {
    let script = Script::default();
    let results = cancelled_after(15, &script, LONG, 1, &[Op::Flaky(100)]).await;
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "flaky: cancelled (2 attempts)");
}

#[tokio::test(start_paused = true)]
async fn what_is_finished_is_delivered() {
    let script = Script::default();
    let results = cancelled_after(50, &script, LONG, 20, &[Op::Work(30)]).await;
    assert_eq!(kinds(&results), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_cancelled_already_admits_nothing() {
    let token = CancellationToken::new();
    token.cancel();
    let script = Script::default();
    let results: Vec<_> = Orchestrator::new(script.clone())
        .shutdown(token)
        .execute_tasks_streaming(stream::iter(tasks(10, &[])))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(results.len(), 0);
    assert_eq!(script.seen.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_results_cuts_the_grace_time_short() {
    let token = CancellationToken::new();
    let script = Script::default();
    let results = Orchestrator::new(script.clone())
        .shutdown(token.clone())
        .execute_tasks_streaming(stream::iter(tasks(10, &[Op::Work(5_000)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(std::sync::Arc::strong_count(&script.seen) > 1);
    drop(results);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(std::sync::Arc::strong_count(&script.seen), 1);
}

//! Places in a step that has a limit: they come back, however a task leaves.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{Advance, Bounds, Orchestrator, TaskErrorKind};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, ids, threads};
use crate::script::{Op, Script, tasks};

fn limited(step: &str, limit: usize) -> Script {
    Script::default().bounded(step, Bounds::none().limit(limit))
}

/// All places are there: so many tasks are in the step at once.
async fn assert_all_places(orchestrator: &Orchestrator<Script>, limit: u64) {
    let begin = Instant::now();
    let run = orchestrator.execute_tasks(tasks(limit, &[Op::Work(100)]));
    let done = timeout(SOON, run).await;
    assert!(done.is_ok(), "a place is lost");
    assert_eq!(begin.elapsed().as_millis(), 100, "a place is lost");
}

#[tokio::test(start_paused = true)]
async fn a_task_between_attempts_has_no_place() {
    let script = limited("flaky", 1);
    let begin = Instant::now();
    Orchestrator::new(script)
        .workers(2)
        .execute_tasks(tasks(100, &[Op::Flaky(3)]))
        .await
        .unwrap();
    assert!(begin.elapsed() <= Duration::from_millis(40));
}

#[tokio::test(start_paused = true)]
async fn a_task_in_a_delay_has_no_place() {
    let script = limited("work", 1);
    let begin = Instant::now();
    let ops = [Op::Work(1), Op::Delay(1_000), Op::Work(1)];
    Orchestrator::new(script)
        .execute_tasks(tasks(50, &ops))
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(1_150));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_gives_its_place_back() {
    let results = Orchestrator::new(limited("fail", 1))
        .workers(2)
        .execute_tasks(tasks(100, &[Op::Fail]))
        .await
        .unwrap();
    for result in results {
        let error = result.outcome.unwrap_err();
        assert_eq!(error.to_string(), "fail: scripted (1 attempt)");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_gives_its_place_back() {
    let results = Orchestrator::new(limited("panic", 1))
        .workers(2)
        .execute_tasks(tasks(100, &[Op::Panic]))
        .await
        .unwrap();
    for result in results {
        assert_eq!(result.outcome.unwrap_err().kind(), TaskErrorKind::Panicked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_call_panics_gives_its_place_back() {
    let step = by(|id: u64, _| {
        assert!(!id.is_multiple_of(2), "before there is a future");
        async move { Advance::Done(id) }.boxed()
    });
    let results = Orchestrator::new(step.bounded(Bounds::none().limit(1)))
        .execute_tasks(ids(100))
        .await
        .unwrap();
    assert_eq!(results.iter().filter(|r| r.outcome.is_ok()).count(), 50);
}

#[tokio::test(start_paused = true)]
async fn the_last_step_gives_its_place_back() {
    let results = Orchestrator::new(limited("end", 1))
        .workers(2)
        .execute_tasks(tasks(100, &[Op::Yield]))
        .await
        .unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_more_steps_than_it_goes_in_a_row_gives_each_place_back() {
    let ops = vec![Op::Ready; 1_000];
    let results = Orchestrator::new(limited("work", 1))
        .workers(2)
        .execute_tasks(tasks(5, &ops))
        .await
        .unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn dropped_results_give_their_places_back() {
    let orchestrator = Orchestrator::new(limited("work", 2)).workers(2);
    let input = stream::iter(tasks(100, &[Op::Work(60_000)]));
    let results = orchestrator.execute_tasks_streaming(input);
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(results);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_all_places(&orchestrator, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_and_is_dropped_leaves_the_queue() {
    let orchestrator = Orchestrator::new(limited("work", 2)).workers(2);
    let first = orchestrator.execute_tasks_streaming(stream::iter(tasks(4, &[Op::Work(100)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let second = orchestrator.execute_tasks_streaming(stream::iter(tasks(50, &[Op::Work(100)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(second);
    assert_eq!(first.count().await, 4);
    assert_all_places(&orchestrator, 2).await;
}

#[test]
fn a_runtime_that_goes_away_gives_its_places_back() {
    let orchestrator = Orchestrator::new(limited("work", 2));
    let first = threads(2);
    let results = first.block_on(async {
        let input = stream::iter(tasks(100, &[Op::Work(60_000)]));
        let results = orchestrator.execute_tasks_streaming(input);
        tokio::time::sleep(Duration::from_millis(50)).await;
        results
    });
    drop(first);
    drop(results);
    threads(1).block_on(async {
        let run = orchestrator.execute_tasks(tasks(2, &[Op::Work(100)]));
        let begin = Instant::now();
        assert!(timeout(SOON, run).await.is_ok(), "no place is left");
        assert!(begin.elapsed() < Duration::from_millis(200), "one is lost");
    });
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_cancels_who_waits_and_names_the_step() {
    let token = CancellationToken::new();
    let ops = [Op::Flaky(0), Op::Work(60_000)];
    let results = Orchestrator::new(limited("work", 3))
        .workers(2)
        .shutdown(token.clone())
        .grace(Duration::from_secs(1))
        .execute_tasks_streaming(stream::iter(tasks(5_000, &ops)));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    let mut results = results.map(|result| result.unwrap().outcome.unwrap_err().to_string());
    let begin = Instant::now();
    for _ in 3..5_000 {
        assert_eq!(results.next().await.unwrap(), "work: cancelled");
    }
    assert_eq!(begin.elapsed(), Duration::ZERO, "they are not waited for");
    let executing: Vec<_> = results.collect().await;
    assert_eq!(executing, ["work: cancelled (1 attempt)"; 3]);
    assert_eq!(begin.elapsed().as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_after_a_delay_is_at_the_step_and_not_at_the_delay() {
    let token = CancellationToken::new();
    let ops = [Op::Delay(5), Op::Work(60_000)];
    let results = Orchestrator::new(limited("work", 1))
        .shutdown(token.clone())
        .grace(Duration::ZERO)
        .execute_tasks_streaming(stream::iter(tasks(2, &ops)));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    let errors = results.map(|result| result.unwrap().outcome.unwrap_err().to_string());
    let mut errors: Vec<_> = errors.collect().await;
    errors.sort();
    assert_eq!(errors, ["work: cancelled", "work: cancelled (1 attempt)"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_its_grace_time_keeps_only_the_places_it_uses() {
    let orchestrator = Orchestrator::new(limited("work", 3)).workers(1);
    let token = CancellationToken::new();
    let stopping = orchestrator
        .clone()
        .shutdown(token.clone())
        .grace(Duration::from_secs(3_600))
        .execute_tasks_streaming(
            stream::iter(tasks(1, &[Op::Work(10_000_000)]))
                .chain(stream::iter(tasks(2, &[Op::Work(20)])))
                .chain(stream::iter(tasks(100, &[Op::Work(10_000_000)]))),
        );
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_all_places(&orchestrator, 2).await;
    drop(stopping);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_results_nobody_takes_keeps_no_place_it_does_not_use() {
    for limit in [1, 2, 50] {
        let orchestrator = Orchestrator::new(limited("work", limit)).workers(2);
        // It waits for each task in the step, so that others wait there when the results are many.
        let input = stream::iter(tasks(30_000, &[Op::Yield]));
        let paused = orchestrator.execute_tasks_streaming(input);
        tokio::time::sleep(SOON).await;
        assert!(orchestrator.stats().waiting > 0, "some wait at the step");
        assert_all_places(&orchestrator, limit as u64).await;
        assert_eq!(paused.count().await, 30_000, "and it goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_lacks_permits_goes_on_when_there_are_some() {
    // Who was let in waits for the permit, and nobody is let in instead.
    let script = limited("work", 2);
    let orchestrator = Orchestrator::new(script.clone()).concurrency(2).workers(2);
    let ops = [Op::Work(10), Op::Flaky(1), Op::Work(10)];
    let run = || orchestrator.execute_tasks(tasks(100, &ops));
    let runs = timeout(60 * SOON, async { tokio::join!(run(), run(), run()) });
    assert!(runs.await.is_ok(), "all wait for one another");
    assert_eq!(script.seen.most_in("work"), 2);
}

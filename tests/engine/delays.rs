//! Waiting: delays, and the pauses between attempts.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use orchestrator::{Orchestrator, Task};
use tokio::time::Instant;

use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn a_delay_lasts_as_long_as_it_says() {
    for millis in [1, 7, 1_000, 86_400_000] {
        let begin = Instant::now();
        Orchestrator::new(Script::default())
            .execute_tasks(tasks(1, &[Op::Delay(millis)]))
            .await
            .unwrap();
        let delay = Duration::from_millis(millis);
        assert!(begin.elapsed() >= delay && begin.elapsed() <= delay + Duration::from_millis(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_zero_does_not_wait() {
    let begin = Instant::now();
    Orchestrator::new(Script::default())
        .execute_tasks(tasks(100, &[Op::Delay(0), Op::Delay(0)]))
        .await
        .unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_wait_are_not_executing() {
    let orchestrator = Orchestrator::new(Script::default());
    let ops = [Op::Work(100), Op::Delay(1_000)];
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(50, &ops)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stats = orchestrator.stats();
    assert_eq!((stats.executing, stats.waiting), (50, 0));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stats = orchestrator.stats();
    assert_eq!((stats.executing, stats.waiting), (0, 50));
    assert_eq!(results.count().await, 50);
    let stats = orchestrator.stats();
    assert_eq!((stats.executing, stats.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_delay_overtakes_a_longer_one() {
    let input = [300, 100, 200].map(|millis| Task::new(millis, vec![Op::Delay(millis)]));
    let order: Vec<_> = Orchestrator::new(Script::default())
        .execute_tasks_streaming(stream::iter(input))
        .map(|result| result.unwrap().id.0)
        .collect()
        .await;
    assert_eq!(order, [100, 200, 300]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_followed_by_its_pause() {
    let begin = Instant::now();
    let results = Orchestrator::new(Script::default())
        .execute_tasks(tasks(1, &[Op::Flaky(3)]))
        .await
        .unwrap();
    assert!(results[0].outcome.is_ok());
    assert!(begin.elapsed() >= Duration::from_millis(30));
    assert!(begin.elapsed() <= Duration::from_millis(35));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_for_each_step_anew() {
    let script = Script::default();
    let results = Orchestrator::new(script.clone())
        .execute_tasks(tasks(1, &[Op::Flaky(2), Op::Flaky(3), Op::Fail]))
        .await
        .unwrap();
    assert_eq!(
        results[0].outcome.as_ref().unwrap_err().to_string(),
        "fail: scripted (1 attempt)"
    );
    assert_eq!(script.seen.begun(), 3 + 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn woken_tasks_go_before_new_ones() {
    let input = stream::iter(
        std::iter::once(Task::new(0, vec![Op::Delay(95), Op::Ready]))
            .chain((1..100).map(|id| Task::new(id, vec![Op::Work(10)]))),
    );
    let order: Vec<_> = Orchestrator::new(Script::default())
        .concurrency(1)
        .execute_tasks_streaming(input)
        .map(|result| result.unwrap().id.0)
        .take(12)
        .collect()
        .await;
    assert!(order.contains(&0), "{order:?}");
}

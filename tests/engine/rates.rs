//! `rate` of a step: begins are an interval apart, over all tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use orchestrator::{Advance, Bounds, Orchestrator, Rate, Task, TaskErrorKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::closure::{bare, by, ids};
use crate::script::{Op, Script, tasks};

const HOUR: Duration = Duration::from_secs(3_600);

fn rated(step: &str, rate: Rate) -> Script {
    Script::default().bounded(step, Bounds::none().rate(rate))
}

/// When the step began, in milliseconds after this.
fn begins(script: &Script, step: &str, after: Instant) -> Vec<u128> {
    let begins = script.seen.begins(step).into_iter();
    begins
        .map(|begin| begin.at.duration_since(after).as_millis())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_begins_at_once_and_the_others_an_interval_apart() {
    for workers in [1, 3] {
        let script = rated("work", Rate::per_second(100));
        let begin = Instant::now();
        Orchestrator::new(script.clone())
            .workers(workers)
            .execute_tasks(tasks(200, &[Op::Ready]))
            .await
            .unwrap();
        let expected: Vec<_> = (0..200).map(|n| n * 10).collect();
        assert_eq!(begins(&script, "work", begin), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn time_that_nobody_used_gives_no_credit() {
    let script = rated("work", Rate::per_second(10));
    let orchestrator = Orchestrator::new(script.clone());
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(2, &[Op::Ready]))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    orchestrator
        .execute_tasks(tasks(3, &[Op::Ready]))
        .await
        .unwrap();
    let times = begins(&script, "work", begin);
    assert_eq!(times, [0, 100, 10_100, 10_200, 10_300]);
}

#[tokio::test(start_paused = true)]
async fn it_counts_over_all_runs_and_clones() {
    let script = rated("work", Rate::per_second(1_000));
    let orchestrator = Orchestrator::new(script.clone()).workers(2);
    let clone = orchestrator.clone().concurrency(20);
    let begin = Instant::now();
    let run = async |each: &Orchestrator<Script>| {
        let tasks = tasks(100, &[Op::Work(7)]);
        each.execute_tasks(tasks).await.unwrap();
    };
    tokio::join!(run(&orchestrator), run(&orchestrator), run(&clone));
    let times = begins(&script, "work", begin);
    for window in times.windows(20) {
        assert!(window[19] - window[0] >= 18, "{window:?}");
    }
    assert!(times[299] < 350, "{} ms", times[299]);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_a_begin() {
    let script = rated("flaky", Rate::per_second(10));
    let begin = Instant::now();
    Orchestrator::new(script.clone())
        .execute_tasks(tasks(2, &[Op::Flaky(2)]))
        .await
        .unwrap();
    let times = begins(&script, "flaky", begin);
    assert_eq!(times, [0, 100, 200, 300, 400, 500]);
}

#[tokio::test(start_paused = true)]
async fn tasks_begin_in_the_order_in_which_they_came_to_the_step() {
    let script = rated("work", Rate::per_second(400));
    let orchestrator = Orchestrator::new(script.clone()).workers(3);
    let run = async |run: u64| {
        let ids = (0..200).filter(move |id| id % 2 == run);
        let ops = |id| vec![Op::Delay(1 + id), Op::Work(20)];
        let tasks = ids.map(move |id| Task::new(id, ops(id)));
        orchestrator.execute_tasks(tasks).await.unwrap();
    };
    tokio::join!(run(0), run(1));
    let begins = script.seen.begins("work");
    // Two times may lie within one tick of the timer: then two workers begin as they please.
    let order: Vec<_> = begins.iter().map(|begin| begin.task).collect();
    assert_eq!(order, (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_step_can_have_a_limit_too() {
    for (limit, expected) in [
        (1, [0, 250, 500, 750, 1_000]),
        (2, [0, 100, 250, 350, 500]),
        (3, [0, 100, 200, 300, 400]),
    ] {
        let bounds = Bounds::none().rate(Rate::per_second(10)).limit(limit);
        let script = Script::default().bounded("work", bounds);
        let begin = Instant::now();
        Orchestrator::new(script.clone())
            .workers(2)
            .execute_tasks(tasks(5, &[Op::Work(250)]))
            .await
            .unwrap();
        assert_eq!(begins(&script, "work", begin), expected, "limit {limit}");
        assert!(script.seen.most_in("work") <= limit);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_can_be_as_slow_as_one_an_hour() {
    let script = rated("work", Rate::new(1, HOUR));
    let begin = Instant::now();
    Orchestrator::new(script.clone())
        .workers(2)
        .execute_tasks(tasks(4, &[Op::Work(1)]))
        .await
        .unwrap();
    let times = begins(&script, "work", begin);
    assert_eq!(times, [0, 3_600_000, 7_200_000, 10_800_000]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_can_be_far_faster_than_the_timer() {
    for (rate, millis) in [(10_000, 1_999), (1_000_000, 19), (u32::MAX, 0)] {
        let script = rated("work", Rate::per_second(rate));
        let begin = Instant::now();
        Orchestrator::new(script)
            .workers(2)
            .execute_tasks(tasks(20_000, &[Op::Ready]))
            .await
            .unwrap();
        let elapsed = begin.elapsed().as_millis();
        assert!((millis..millis + 4).contains(&elapsed), "{elapsed} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_time_holds_no_permit() {
    let script = rated("work", Rate::new(1, HOUR));
    let orchestrator = Orchestrator::new(script).concurrency(1);
    let waiting = orchestrator.execute_tasks_streaming(stream::iter(tasks(10, &[Op::Ready])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(100, &[Op::Flaky(1)]))
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(20));
    assert_eq!(orchestrator.stats().waiting, 9);
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_abandoned_takes_no_times_along() {
    for (rate, next) in [
        (Rate::new(1, HOUR), HOUR),
        (Rate::per_second(2), Duration::from_millis(500)),
        (Rate::per_second(100), Duration::from_millis(20)),
    ] {
        let script = rated("work", rate);
        let orchestrator = Orchestrator::new(script.clone()).workers(1);
        let begin = Instant::now();
        let abandoned =
            orchestrator.execute_tasks_streaming(stream::iter(tasks(100_000, &[Op::Work(60_000)])));
        tokio::time::sleep(Duration::from_millis(15)).await;
        drop(abandoned);
        tokio::time::sleep(Duration::from_millis(1)).await;
        orchestrator
            .execute_tasks(tasks(1, &[Op::Ready]))
            .await
            .unwrap();
        let last = script.seen.begins("work").pop().unwrap();
        assert_eq!(last.at.duration_since(begin), next, "{rate}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_shut_down_takes_no_times_along() {
    let script = rated("work", Rate::new(1, HOUR));
    let orchestrator = Orchestrator::new(script.clone()).workers(1);
    let begin = Instant::now();
    let token = CancellationToken::new();
    let stopping = orchestrator
        .clone()
        .shutdown(token.clone())
        .grace(100 * HOUR)
        .execute_tasks_streaming(stream::iter(tasks(10, &[Op::Work(360_000_000)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    orchestrator
        .execute_tasks(tasks(1, &[Op::Ready]))
        .await
        .unwrap();
    assert_eq!(begins(&script, "work", begin), [0, 3_600_000]);
    drop(stopping);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_who_waits_for_its_time() {
    let token = CancellationToken::new();
    let results = Orchestrator::new(rated("work", Rate::new(1, HOUR)))
        .shutdown(token.clone())
        .execute_tasks_streaming(stream::iter(tasks(10, &[Op::Ready])));
    let begin = Instant::now();
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    let results: Vec<_> = results.try_collect().await.unwrap();
    assert_eq!(begin.elapsed().as_millis(), 10);
    assert_eq!(results.len(), 10);
    let errors: Vec<_> = results
        .into_iter()
        .filter_map(|result| result.outcome.err())
        .collect();
    assert_eq!(errors.len(), 9);
    assert!(errors.iter().all(|e| e.to_string() == "work: cancelled"));
    assert!(errors.iter().all(|e| e.kind() == TaskErrorKind::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_little_begins_at_once_after_a_standstill() {
    let script = rated("work", Rate::per_second(100));
    let results = Orchestrator::new(script.clone())
        .workers(2)
        .execute_tasks_streaming(stream::iter(tasks(1_000, &[Op::Ready])));
    tokio::time::sleep(Duration::from_millis(105)).await;
    let before = script.seen.begins("work").len();
    // As if the process had been stopped for so long.
    tokio::time::advance(10 * HOUR).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let at_once = script.seen.begins("work").len() - before;
    assert!((1..=6).contains(&at_once), "{at_once} at once");
    assert_eq!(results.count().await, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_rate_holds_where_tasks_lack_permits() {
    // The other run keeps all permits for a second; then tasks come that have waited all the while.
    let script = rated("flaky", Rate::per_second(100));
    let orchestrator = Orchestrator::new(script.clone()).concurrency(2).workers(1);
    let waiting = orchestrator.execute_tasks_streaming(stream::iter(tasks(500, &[Op::Flaky(0)])));
    tokio::time::sleep(Duration::from_millis(5)).await;
    orchestrator
        .execute_tasks(tasks(2, &[Op::Work(1_000)]))
        .await
        .unwrap();
    assert_eq!(waiting.count().await, 500);
    let begins = script.seen.begins("flaky");
    for window in begins.windows(20) {
        let elapsed = window[19].at.duration_since(window[0].at);
        assert!(elapsed >= Duration::from_millis(130), "{elapsed:?}");
    }
}

#[test]
fn in_a_runtime_without_a_timer_it_is_like_a_delay() {
    let run = |count| {
        let count_begun = Arc::new(AtomicU64::new(0));
        let begun = Arc::clone(&count_begun);
        let step = by(move |id: u64, _| {
            begun.fetch_add(1, Ordering::SeqCst);
            async move { Advance::Done(id) }.boxed()
        });
        let orchestrator =
            Orchestrator::new(step.bounded(Bounds::none().rate(Rate::per_minute(1))));
        let results =
            bare().block_on(async { tokio::spawn(orchestrator.execute_tasks(ids(count))).await });
        (results.is_ok(), count_begun.load(Ordering::SeqCst))
    };
    assert_eq!(run(1), (true, 1), "nothing has to wait");
    assert_eq!(run(2), (false, 1), "the caller panics");
}

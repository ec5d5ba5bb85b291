//! `limit` of a step: never more tasks in it at once, as many where there are, and in order.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use orchestrator::{Bounds, Orchestrator, Task};
use tokio::time::Instant;

use crate::script::{Op, Script, tasks};

fn limited(step: &str, limit: usize) -> Script {
    Script::default().bounded(step, Bounds::none().limit(limit))
}

#[tokio::test(start_paused = true)]
async fn exactly_so_many_tasks_are_in_the_step() {
    for (limit, workers) in [(1, 4), (2, 4), (3, 2), (10, 3), (64, 1), (100, 4)] {
        let script = limited("work", limit);
        let orchestrator = Orchestrator::new(script.clone()).workers(workers);
        let begin = Instant::now();
        let results = orchestrator
            .execute_tasks(tasks(limit as u64 * 5, &[Op::Work(100)]))
            .await
            .unwrap();
        assert!(results.iter().all(|result| result.outcome.is_ok()));
        assert_eq!(script.seen.most_in("work"), limit, "{workers} workers");
        assert_eq!(
            begin.elapsed().as_millis(),
            500,
            "no place lay idle with {workers} workers"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn other_steps_are_not_bounded() {
    let script = limited("flaky", 1);
    let begin = Instant::now();
    Orchestrator::new(script.clone())
        .execute_tasks(tasks(100, &[Op::Work(100), Op::Flaky(0), Op::Work(100)]))
        .await
        .unwrap();
    assert_eq!(begin.elapsed().as_millis(), 200);
    assert_eq!(script.seen.most_in("flaky"), 1);
}

#[tokio::test(start_paused = true)]
async fn it_counts_over_all_runs_of_an_orchestrator_and_its_clones() {
    let script = limited("work", 5);
    let orchestrator = Orchestrator::new(script.clone()).workers(2);
    let clones = [1_000, 5, 7].map(|n| orchestrator.clone().concurrency(n));
    let begin = Instant::now();
    let runs = clones.iter().chain([&orchestrator]);
    let all = join_all(runs.map(|each| each.execute_tasks(tasks(20, &[Op::Work(10)])))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(script.seen.most_in("work"), 5);
    assert!(begin.elapsed() < Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn each_step_has_a_limit_of_its_own() {
    let script = limited("work", 2).bounded("flaky", Bounds::none().limit(3));
    let ops = [Op::Work(10), Op::Flaky(1), Op::Work(5), Op::Flaky(0)];
    Orchestrator::new(script.clone())
        .workers(3)
        .execute_tasks(tasks(50, &ops))
        .await
        .unwrap();
    assert_eq!(script.seen.most_in("work"), 2);
    assert!(script.seen.most_in("flaky") <= 3);
    assert_eq!(script.seen.begins("work").len(), 100);
    assert_eq!(script.seen.begins("flaky").len(), 150);
}

#[tokio::test(start_paused = true)]
async fn tasks_begin_in_the_order_in_which_they_came_to_the_step() {
    for (limit, workers) in [(1, 2), (2, 3), (5, 4)] {
        let script = limited("work", limit);
        let orchestrator = Orchestrator::new(script.clone()).workers(workers);
        // Each comes a millisecond after the one before, to whatever worker of whichever run.
        let run = async |run: u64| {
            let ids = (0..200).filter(move |id| id % 3 == run);
            let ops = |id| vec![Op::Delay(1 + id), Op::Work(20)];
            let tasks = ids.map(move |id| Task::new(id, ops(id)));
            orchestrator.execute_tasks(tasks).await.unwrap();
        };
        tokio::join!(run(0), run(1), run(2));
        let begins = script.seen.begins("work");
        let order: Vec<_> = begins.iter().map(|begin| begin.task).collect();
        assert_eq!(order, (0..200).collect::<Vec<_>>(), "{workers} workers");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_does_not_overtake_who_waits() {
    // When the first one ends, its task comes to the same step again.
    let script = limited("work", 1);
    let input = [
        Task::new(0, vec![Op::Work(10), Op::Work(10)]),
        Task::new(1, vec![Op::Delay(1), Op::Work(10)]),
    ];
    Orchestrator::new(script.clone())
        .execute_tasks(input)
        .await
        .unwrap();
    let begins = script.seen.begins("work");
    let order: Vec<_> = begins.iter().map(|begin| begin.task).collect();
    assert_eq!(order, [0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_holds_no_permit() {
    // One permit is for the task in the step, the other for all that do not go there.
    let orchestrator = Orchestrator::new(limited("work", 1)).concurrency(2);
    let waiting = orchestrator.execute_tasks_streaming(stream::iter(tasks(
        1_000,
        &[Op::Flaky(0), Op::Work(60_000)],
    )));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(1_000, &[Op::Flaky(1), Op::Delay(5)]))
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(100));
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn a_task_can_wait_at_its_first_step_or_a_later_one() {
    let before: [&[Op]; 4] = [&[], &[Op::Flaky(0)], &[Op::Flaky(1)], &[Op::Delay(10)]];
    for ops in before {
        let script = limited("work", 1);
        let ops = [ops, &[Op::Work(100), Op::Flaky(0)]].concat();
        let begin = Instant::now();
        let results = Orchestrator::new(script.clone())
            .execute_tasks(tasks(3, &ops))
            .await
            .unwrap();
        assert!(results.iter().all(|result| result.outcome.is_ok()));
        assert_eq!(script.seen.most_in("work"), 1, "{ops:?}");
        let elapsed = begin.elapsed().as_millis();
        assert!((300..=312).contains(&elapsed), "{elapsed} with {ops:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_after_a_wait_is_counted_right() {
    let script = limited("flaky", 1);
    let results = Orchestrator::new(script.clone())
        .workers(2)
        .execute_tasks(tasks(50, &[Op::Flaky(2), Op::Flaky(1), Op::Fail]))
        .await
        .unwrap();
    assert_eq!(script.seen.begins("flaky").len(), 50 * (3 + 2));
    for result in results {
        let error = result.outcome.unwrap_err().to_string();
        assert_eq!(error, "fail: scripted (1 attempt)");
    }
}

#[tokio::test(start_paused = true)]
async fn stats_count_who_waits_at_a_step() {
    let orchestrator = Orchestrator::new(limited("work", 3)).workers(2);
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(50, &[Op::Work(100)])));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stats = orchestrator.stats();
    assert_eq!((stats.executing, stats.waiting), (3, 47));
    assert_eq!(results.count().await, 50);
    assert_eq!(orchestrator.stats(), orchestrator::Stats::default());
}

#[tokio::test(start_paused = true)]
async fn who_was_let_in_and_who_is_due_take_turns() {
    // The first one holds the place, until a thousand are due and a thousand wait for it.
    let input = std::iter::once(Task::new(0, vec![Op::Work(10)]))
        .chain((1..1_001).map(|id| Task::new(id, vec![Op::Ready])))
        .chain((1_001..2_001).map(|id| Task::new(id, vec![Op::Delay(10), Op::Flaky(0)])));
    let results = Orchestrator::new(limited("work", 1))
        .workers(1)
        .execute_tasks_streaming(stream::iter(input));
    tokio::time::sleep(Duration::from_millis(2)).await;
    tokio::time::advance(Duration::from_millis(20)).await;
    let ids: Vec<_> = results.map(|result| result.unwrap().id.0).collect().await;
    let due = ids[..500].iter().filter(|&&id| id > 1_000).count();
    assert!((200..=300).contains(&due), "{due} of 500 were due");
}

#[tokio::test]
#[should_panic(expected = "the limit of step `flaky` is 0: it would let no task in")]
async fn a_limit_of_none_is_refused() {
    let _ = Orchestrator::new(limited("flaky", 0));
}

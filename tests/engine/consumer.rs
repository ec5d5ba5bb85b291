//! Whoever takes the results may be slow, pause, or go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use orchestrator::Orchestrator;

use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn steps_go_on_while_nobody_polls_the_results() {
    let script = Script::default();
    let orchestrator = Orchestrator::new(script.clone());
    let ops = [Op::Work(10), Op::Delay(10), Op::Work(10)];
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(100, &ops)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        script.seen.begun(),
        100 * 4,
        "all steps of all tasks were run"
    );
    assert_eq!(results.count().await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_paused_consumer_pauses_the_input() {
    let pulled = Arc::new(AtomicUsize::new(0));
    let input = {
        let pulled = Arc::clone(&pulled);
        stream::iter(tasks(1_000_000, &[])).inspect(move |_| {
            pulled.fetch_add(1, Ordering::SeqCst);
        })
    };
    let orchestrator = Orchestrator::new(Script::default()).window(500_000);
    let mut results = orchestrator.execute_tasks_streaming(input);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let so_far = pulled.load(Ordering::SeqCst);
    // Far below the window: untaken results and untaken tasks are bounded, too.
    assert!(so_far < 20_000, "{so_far}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pulled.load(Ordering::SeqCst), so_far);
    let mut count = 0;
    while results.try_next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1_000_000);
}

#[tokio::test]
async fn a_worker_that_found_no_room_goes_on_once_there_is_some() {
    // A consumer that keeps the outlet full while steps that suspend come to their ends.
    for workers in 1..4 {
        let mut results = Orchestrator::new(Script::default())
            .workers(workers)
            .concurrency(10_000)
            .execute_tasks_streaming(stream::iter(tasks(60_000, &[Op::Yield])));
        let mut count = 0;
        while results.try_next().await.unwrap().is_some() {
            count += 1;
            if count % 3_000 == 0 {
                for _ in 0..count % 7 {
                    tokio::task::yield_now().await;
                }
            }
        }
        assert_eq!(count, 60_000);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_results_drops_executing_steps_and_the_input() {
    let script = Script::default();
    let alive = Arc::new(());
    let input = {
        let alive = Arc::clone(&alive);
        stream::iter(tasks(10, &[Op::Work(1_000), Op::Ready]))
            .chain(stream::pending())
            .inspect(move |_| {
                let _ = &alive;
            })
    };
    let results = Orchestrator::new(script.clone()).execute_tasks_streaming(input);
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(results);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(Arc::strong_count(&alive), 1, "the input was dropped");
    assert_eq!(Arc::strong_count(&script.seen), 1, "so was the run");
}

#[tokio::test]
async fn a_panic_of_the_input_reaches_the_consumer_after_the_results() {
    let input = stream::iter(tasks(10, &[Op::Ready])).chain(stream::poll_fn(|_| panic!("no more")));
    let mut results = Orchestrator::new(Script::default()).execute_tasks_streaming(input);
    for _ in 0..10 {
        assert!(results.try_next().await.unwrap().is_some());
    }
    let end = tokio::spawn(async move { results.next().await }).await;
    let panic = end.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no more"));
}

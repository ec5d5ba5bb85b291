//! `concurrency(n)`: never more than n steps at once, and n where there is work for them.

use std::time::Duration;

use orchestrator::{Orchestrator, Task};
use tokio::time::Instant;

use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn exactly_so_many_steps_execute() {
    for (concurrency, workers) in [(1, 4), (2, 4), (3, 2), (10, 3), (64, 1), (100, 4)] {
        let script = Script::default();
        let orchestrator = Orchestrator::new(script.clone())
            .concurrency(concurrency)
            .workers(workers);
        let begin = Instant::now();
        orchestrator
            .execute_tasks(tasks(concurrency as u64 * 5, &[Op::Work(100)]))
            .await
            .unwrap();
        assert_eq!(
            script.seen.most_executing(),
            concurrency,
            "{workers} workers"
        );
        assert!(
            begin.elapsed() < Duration::from_millis(600),
            "no permit lay idle"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn it_counts_over_all_runs_of_an_orchestrator() {
    let script = Script::default();
    let orchestrator = Orchestrator::new(script.clone()).concurrency(5).workers(3);
    let run = async || {
        let ops = [Op::Work(10), Op::Yield, Op::Work(5)];
        orchestrator.execute_tasks(tasks(50, &ops)).await.unwrap();
    };
    tokio::join!(run(), run(), run(), run());
    assert_eq!(script.seen.most_executing(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_always_busy_does_not_shut_out_another() {
    let orchestrator = Orchestrator::new(Script::default())
        .concurrency(2)
        .workers(2);
    let (sender, busy) = orchestrator.channel(1);
    let feeding = tokio::spawn(async move {
        // Drained along the way: the window is not what holds this run.
        let mut busy = busy;
        let mut id = 0;
        loop {
            tokio::select! {
                sent = sender.send(Task::new(id, vec![Op::Work(10)])) => {
                    sent.unwrap();
                    id += 1;
                }
                _ = busy.recv() => {}
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(10, &[Op::Work(10)]))
        .await
        .unwrap();
    // Ten steps of 10 ms with half of two permits.
    assert!(
        begin.elapsed() < Duration::from_millis(200),
        "{:?}",
        begin.elapsed()
    );
    feeding.abort();
}

#[tokio::test(start_paused = true)]
async fn a_task_in_a_delay_does_not_count() {
    let script = Script::default();
    let orchestrator = Orchestrator::new(script.clone()).concurrency(1);
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(1_000, &[Op::Delay(5_000), Op::Ready]))
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(5_100));
    assert_eq!(script.seen.most_executing(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_between_attempts_does_not_count() {
    let orchestrator = Orchestrator::new(Script::default()).concurrency(1);
    let begin = Instant::now();
    orchestrator
        .execute_tasks(tasks(1_000, &[Op::Flaky(3)]))
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[tokio::test]
#[should_panic(expected = "a concurrency of 0 would run nothing")]
async fn none_at_all_is_refused() {
    let _ = Orchestrator::new(Script::default()).concurrency(0);
}

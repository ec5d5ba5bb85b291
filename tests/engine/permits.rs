//! Permits: they come back, and go round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{Advance, Orchestrator, StepFailure, Task};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, threads, yield_to_others};
use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn dropped_results_give_their_permits_back() {
    let orchestrator = Orchestrator::new(Script::default()).concurrency(2);
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(2, &[Op::Work(60_000)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(results);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let next = orchestrator.execute_tasks(tasks(1, &[Op::Ready]));
    assert!(timeout(SOON, next).await.is_ok(), "no permit is left");
}

#[test]
fn a_runtime_that_goes_away_gives_its_permits_back() {
    let orchestrator = Orchestrator::new(Script::default()).concurrency(2);
    let first = threads(1);
    let results = first.block_on(async {
        let input = stream::iter(tasks(2, &[Op::Work(60_000)]));
        let results = orchestrator.execute_tasks_streaming(input);
        tokio::time::sleep(Duration::from_millis(50)).await;
        results
    });
    drop(first);
    drop(results);
    let next = threads(1).block_on(async {
        timeout(SOON, orchestrator.execute_tasks(tasks(1, &[Op::Ready]))).await
    });
    assert!(next.is_ok(), "no permit is left");
}

#[tokio::test(start_paused = true)]
async fn a_run_in_its_grace_time_keeps_no_permit_it_does_not_use() {
    let orchestrator = Orchestrator::new(Script::default())
        .concurrency(2)
        .workers(1);
    let token = CancellationToken::new();
    let other = orchestrator.execute_tasks_streaming(stream::iter(tasks(1, &[Op::Work(100)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let stopping = orchestrator
        .clone()
        .shutdown(token.clone())
        .grace(Duration::from_secs(3_600))
        .execute_tasks_streaming(stream::iter(tasks(2, &[Op::Work(100_000_000)])));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    assert_eq!(other.count().await, 1);
    // One step executes, of two that may.
    let next = orchestrator.execute_tasks(tasks(1, &[Op::Ready]));
    assert!(
        timeout(SOON, next).await.is_ok(),
        "the second permit is kept"
    );
    drop(stopping);
}

/// How long a run of `count` tasks takes beside one that always has more tasks than permits.
async fn beside_a_busy_run(permits: usize, workers: usize, count: u64) -> Duration {
    let orchestrator = Orchestrator::new(Script::default())
        .concurrency(permits)
        .workers(workers);
    let busy = orchestrator
        .clone()
        .execute_tasks_streaming(stream::iter(tasks(10_000_000, &[Op::Work(100)])));
    let draining = tokio::spawn(busy.count());
    tokio::time::sleep(Duration::from_millis(350)).await;
    let begin = tokio::time::Instant::now();
    let run = orchestrator.execute_tasks(tasks(count, &[Op::Work(100)]));
    let _ = timeout(Duration::from_secs(20), run).await;
    draining.abort();
    begin.elapsed()
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_want_many_permits_both_get_many() {
    for workers in [1, 2] {
        // With half of the permits it would be 200 ms, with a tenth a second.
        let elapsed = beside_a_busy_run(100, workers, 100).await;
        println!("{workers} workers: {elapsed:?}");
        assert!(elapsed < SOON, "{workers} workers: {elapsed:?}");
    }
}

#[tokio::test]
async fn a_worker_that_is_busy_and_has_no_task_keeps_no_permit_it_does_not_use() {
    const PERMITS: usize = 8;
    let meet = Arc::new(tokio::sync::Barrier::new(PERMITS - 1));
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let blueprint = by(move |id: u64, _| {
        let (meet, over) = (Arc::clone(&meet), Arc::clone(&seen));
        async move {
            match id {
                // Is always woken, so that its worker never sleeps.
                0 => {
                    while !over.load(Ordering::SeqCst) {
                        yield_to_others().await;
                    }
                }
                1 => {
                    meet.wait().await;
                }
                _ => tokio::task::yield_now().await,
            }
            Advance::Done(1)
        }
        .boxed()
    });
    let orchestrator = Orchestrator::new(blueprint).concurrency(PERMITS).workers(1);
    let (sender, mut results) = orchestrator.channel(PERMITS);
    for id in [0, 2, 2, 2, 2, 2, 2, 2] {
        sender.send(Task::new(id, id)).await.unwrap();
    }
    for _ in 1..PERMITS {
        assert!(results.recv().await.unwrap().is_some());
    }
    // One step executes, of eight that may.
    let others = orchestrator.execute_tasks((1..PERMITS).map(|_| Task::new(1, 1)));
    let finished = timeout(SOON, others).await.is_ok();
    over.store(true, Ordering::SeqCst);
    assert!(
        finished,
        "the other run is not given the permits that nobody uses"
    );
}

#[test]
fn runs_that_are_shut_down_at_any_time_give_all_permits_back() {
    const PERMITS: usize = 3;
    threads(3).block_on(async {
        let meet = Arc::new(tokio::sync::Barrier::new(PERMITS));
        let blueprint = by(move |id: u64, _| {
            let meet = Arc::clone(&meet);
            async move {
                match id % 8 {
                    0 => {
                        return Advance::Park {
                            state: 7,
                            pause: Duration::from_micros(300),
                        };
                    }
                    1 => {
                        return Advance::Failed {
                            failure: StepFailure::failed(anyhow::anyhow!("again")),
                            again: Some((7, Duration::ZERO)),
                        };
                    }
                    2 => tokio::task::yield_now().await,
                    3 => tokio::time::sleep(Duration::from_millis(1)).await,
                    4 if id == 4_004 => {
                        meet.wait().await;
                    }
                    5 => yield_to_others().await,
                    _ => {}
                }
                Advance::Done(1)
            }
            .boxed()
        });
        let orchestrator = Orchestrator::new(blueprint).concurrency(PERMITS);
        let mut running = tokio::task::JoinSet::new();
        for run in 0..300 {
            let token = CancellationToken::new();
            let pulled = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&pulled);
            let input = stream::iter((0..200).map(|id| Task::new(id, id))).inspect(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let results = orchestrator
                .clone()
                .workers(1 + run % 3)
                .window(1 + run % 50)
                .shutdown(token.clone())
                .grace(Duration::from_millis(run as u64 % 4))
                .execute_tasks_streaming(input);
            running.spawn(async move {
                let count = results.count().await;
                assert_eq!(count, pulled.load(Ordering::SeqCst));
            });
            if run % 3 > 0 {
                running.spawn(async move {
                    tokio::time::sleep(Duration::from_micros(run as u64 * 37 % 5_000)).await;
                    token.cancel();
                });
            }
            if run % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let all = async {
            while let Some(run) = running.join_next().await {
                run.unwrap();
            }
        };
        timeout(Duration::from_secs(30), all)
            .await
            .expect("a run hangs");
        let together = orchestrator.execute_tasks((0..PERMITS).map(|_| Task::new(0, 4_004)));
        let ended = timeout(SOON, together).await.expect("a permit is lost");
        ended.unwrap();
        assert_eq!(orchestrator.stats(), orchestrator::Stats::default());
    });
}

#[test]
fn who_is_given_a_permit_does_not_wait_for_the_thread_of_who_gave_it() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = Arc::new(std::sync::Mutex::new(told));
    let go_on = Arc::new(tokio::sync::Notify::new());
    let blueprint = by(move |id: u64, _| {
        let (tell, told) = (tell.clone(), Arc::clone(&told));
        let go_on = Arc::clone(&go_on);
        async move {
            match id {
                0 => go_on.notified().await,
                // Ends together with the others of its run.
                3 => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    go_on.notify_waiters();
                }
                // Keeps its thread busy until the other run's task has run.
                1 => {
                    let told = told.lock().unwrap().recv_timeout(2 * SOON);
                    return Advance::Done(u64::from(told.is_ok()));
                }
                _ => {
                    let _ = tell.send(());
                }
            }
            Advance::Done(1)
        }
        .boxed()
    });
    threads(4).block_on(async {
        let orchestrator = Orchestrator::new(blueprint).concurrency(4).workers(1);
        let (sender, busy) = orchestrator.channel(4);
        for id in [0, 0, 0, 3] {
            sender.send(Task::new(id, id)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let other = orchestrator.execute_tasks_streaming(stream::iter([Task::new(2, 2)]));
        tokio::time::sleep(Duration::from_millis(50)).await;
        // The other run is the first to wait for a permit.
        sender.send(Task::new(1, 1)).await.unwrap();
        drop(sender);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(other.count().await, 1);
        let outcomes: Vec<_> = busy
            .map(|result| result.unwrap().outcome.unwrap())
            .collect()
            .await;
        assert_eq!(
            outcomes, [1; 5],
            "the other run has a permit, and no thread"
        );
    });
}

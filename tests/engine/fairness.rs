//! Nothing that is always ready keeps others from their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant as RealInstant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{Advance, Orchestrator, StepContext, StepFailure, Task};
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, ids, threads, yield_to_others};

/// Task 0 fails at once, to be tried again at once, until task 1 has run.
async fn retried_at_once_until_another_ran(delay: Duration) {
    let ran = Arc::new(AtomicBool::new(false));
    let begin = RealInstant::now();
    let blueprint = by(move |id: u64, _| {
        let ran = Arc::clone(&ran);
        async move {
            match id {
                0 if ran.load(Ordering::SeqCst) => Advance::Done(1),
                0 if begin.elapsed() > 2 * SOON => Advance::Done(0),
                0 => Advance::Failed {
                    failure: StepFailure::failed(anyhow::anyhow!("not yet")),
                    again: Some((0, Duration::ZERO)),
                },
                1 if !delay.is_zero() => Advance::Park {
                    state: 2,
                    pause: delay,
                },
                _ => {
                    ran.store(true, Ordering::SeqCst);
                    Advance::Done(1)
                }
            }
        }
        .boxed()
    });
    let order = if delay.is_zero() { [0, 1] } else { [1, 0] };
    let results = Orchestrator::new(blueprint)
        .workers(1)
        .execute_tasks(order.map(|id| Task::new(id, id)))
        .await
        .unwrap();
    for result in results {
        assert_eq!(result.outcome.unwrap(), 1, "the other never had its turn");
    }
}

#[tokio::test]
async fn a_retry_without_a_pause_does_not_starve_new_tasks() {
    retried_at_once_until_another_ran(Duration::ZERO).await;
}

#[tokio::test]
async fn a_retry_without_a_pause_does_not_starve_parked_tasks() {
    retried_at_once_until_another_ran(Duration::from_millis(20)).await;
}

/// A step that awaits tokio's own resources in a loop, each ready at once.
async fn budgeted_until(done: &AtomicBool) -> bool {
    let begin = RealInstant::now();
    while !done.load(Ordering::SeqCst) && begin.elapsed() < 2 * SOON {
        tokio::task::consume_budget().await;
    }
    done.load(Ordering::SeqCst)
}

#[tokio::test]
async fn tokio_itself_lets_others_run_beside_a_step_that_never_waits() {
    let done = Arc::new(AtomicBool::new(false));
    let first = tokio::spawn({
        let done = Arc::clone(&done);
        async move { budgeted_until(&done).await }
    });
    tokio::spawn(async move { done.store(true, Ordering::SeqCst) });
    assert!(first.await.unwrap());
}

#[tokio::test]
async fn a_step_whose_awaits_are_always_ready_lets_others_run() {
    let done = Arc::new(AtomicBool::new(false));
    let blueprint = by(move |id: u64, _| {
        let done = Arc::clone(&done);
        async move {
            if id == 1 {
                done.store(true, Ordering::SeqCst);
                return Advance::Done(1);
            }
            Advance::Done(u64::from(budgeted_until(&done).await))
        }
        .boxed()
    });
    let results = Orchestrator::new(blueprint)
        .workers(1)
        .execute_tasks(ids(2))
        .await
        .unwrap();
    assert_eq!(results.into_iter().next().unwrap().outcome.unwrap(), 1);
}

#[test]
fn a_consumer_that_is_never_kept_waiting_lets_others_run() {
    let elapsed = threads(3).block_on(async {
        let blueprint = by(|id: u64, _| async move { Advance::Done(id) }.boxed());
        let mut results =
            Orchestrator::new(blueprint).execute_tasks_streaming(stream::iter(ids(10_000_000)));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begin = RealInstant::now();
        let _ = timeout(Duration::from_millis(100), async {
            while results.recv().await.unwrap().is_some() {
                // The consumer has something to do for each result.
                let begin_one = RealInstant::now();
                while begin_one.elapsed() < Duration::from_micros(200) {}
                if begin.elapsed() > 3 * SOON {
                    break;
                }
            }
        })
        .await;
        begin.elapsed()
    });
    assert!(elapsed < SOON, "a timeout of 100 ms took {elapsed:?}");
}

#[test]
fn a_task_that_comes_in_is_not_left_to_a_worker_that_is_busy() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let told = Arc::new(told);
    let blueprint = by(move |state: u64, _| {
        let (tell, told) = (tell.clone(), Arc::clone(&told));
        async move {
            match state {
                0 => Advance::Park {
                    state: 1,
                    pause: Duration::from_millis(50),
                },
                // Keeps its thread busy until the other task has run.
                1 => {
                    let told = told.lock().unwrap().recv_timeout(2 * SOON);
                    Advance::Done(u64::from(told.is_ok()))
                }
                _ => {
                    let _ = tell.send(());
                    Advance::Done(1)
                }
            }
        }
        .boxed()
    });
    threads(4).block_on(async {
        let (sender, mut results) = Orchestrator::new(blueprint).workers(2).channel(8);
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.send(Task::new(0, 0)).await.unwrap();
        // Not by tokio's timer, which the busy worker's thread may be the one to drive.
        std::thread::sleep(Duration::from_millis(200));
        sender.send(Task::new(2, 2)).await.unwrap();
        drop(sender);
        while let Some(result) = results.recv().await.unwrap() {
            assert_eq!(
                result.outcome.unwrap(),
                1,
                "the other worker slept beside a waiting task"
            );
        }
    });
}

/// Keeps its thread busy.
fn busy(duration: Duration) {
    let begin = RealInstant::now();
    while begin.elapsed() < duration {}
}

/// The most steps that run, of 600 that keep their thread busy for 2 ms each, between two turns of
/// another task of the same thread. tokio itself lets a task that yields wait for 61 polls of others.
async fn most_in_a_row(pause: Option<Duration>) -> usize {
    let steps = Arc::new(AtomicUsize::new(0));
    let blueprint = {
        let steps = Arc::clone(&steps);
        by(move |parked: bool, _| {
            let steps = Arc::clone(&steps);
            async move {
                if let (false, Some(pause)) = (parked, pause) {
                    return Advance::Park { state: true, pause };
                }
                busy(Duration::from_millis(2));
                steps.fetch_add(1, Ordering::SeqCst);
                Advance::Done(1)
            }
            .boxed()
        })
    };
    let over = CancellationToken::new();
    let beside = tokio::spawn({
        let over = over.clone();
        async move {
            let (mut most, mut last) = (0, 0);
            while !over.is_cancelled() {
                tokio::task::yield_now().await;
                let now = steps.load(Ordering::SeqCst);
                most = most.max(now - last);
                last = now;
            }
            most
        }
    });
    Orchestrator::new(blueprint)
        .execute_tasks((0..600).map(|id| Task::new(id, false)))
        .await
        .unwrap();
    over.cancel();
    beside.await.unwrap()
}

#[tokio::test]
async fn new_tasks_with_slow_steps_let_others_run_in_between() {
    let most = most_in_a_row(None).await;
    assert!(most < 200, "{most} steps in a row");
}

#[tokio::test]
async fn parked_tasks_with_slow_steps_let_others_run_in_between() {
    let most = most_in_a_row(Some(Duration::from_millis(20))).await;
    assert!(most < 200, "{most} steps in a row");
}

#[tokio::test]
async fn a_task_whose_steps_never_end_lets_others_run() {
    let done = Arc::new(AtomicBool::new(false));
    let begin = RealInstant::now();
    let blueprint = by(move |id: u64, _| {
        let done = Arc::clone(&done);
        async move {
            match id {
                0 if done.load(Ordering::SeqCst) => Advance::Done(1),
                0 if begin.elapsed() > 2 * SOON => Advance::Done(0),
                0 => Advance::Next(0),
                _ => {
                    done.store(true, Ordering::SeqCst);
                    Advance::Done(1)
                }
            }
        }
        .boxed()
    });
    let results = Orchestrator::new(blueprint)
        .workers(1)
        .execute_tasks(ids(2))
        .await
        .unwrap();
    assert_eq!(results.into_iter().next().unwrap().outcome.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cancels_the_token_it_was_given_ends_no_other_task() {
    let blueprint = by(|id: u64, cx: StepContext| {
        async move {
            if id == 0 {
                // As a library does that is handed the token and cleans up after itself.
                drop(cx.cancellation().clone().drop_guard());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            Advance::Done(1)
        }
        .boxed()
    });
    let results = Orchestrator::new(blueprint)
        .concurrency(1)
        .execute_tasks(ids(10))
        .await
        .unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test]
async fn a_worker_with_long_turns_is_still_fed() {
    const TASKS: u64 = 5_000;
    async fn step() {
        for _ in 0..5 {
            busy(Duration::from_micros(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let begin = RealInstant::now();
    let idiom = stream::iter(0..TASKS).map(|_| tokio::spawn(step()));
    assert_eq!(idiom.buffer_unordered(1_000).count().await as u64, TASKS);
    let idiom = begin.elapsed();
    let blueprint = by(|_: u64, _| {
        async move {
            step().await;
            Advance::Done(1)
        }
        .boxed()
    });
    let begin = RealInstant::now();
    Orchestrator::new(blueprint)
        .concurrency(1_000)
        .execute_tasks(ids(TASKS))
        .await
        .unwrap();
    let ours = begin.elapsed();
    println!("idiom {idiom:?}, ours {ours:?}");
    assert!(ours < 3 * idiom, "{ours:?} against {idiom:?}");
}

#[tokio::test]
async fn tasks_keep_coming_in_beside_a_step_that_is_always_woken() {
    // Each turn of the worker takes some milliseconds.
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let blueprint = by(move |id: u64, _| {
        let over = Arc::clone(&seen);
        async move {
            let begin = RealInstant::now();
            while id == 0 && !over.load(Ordering::SeqCst) && begin.elapsed() < 10 * SOON {
                busy(Duration::from_micros(10));
                yield_to_others().await;
            }
            Advance::Done(u64::from(over.load(Ordering::SeqCst)))
        }
        .boxed()
    });
    let mut results = Orchestrator::new(blueprint)
        .workers(1)
        .execute_tasks_streaming(stream::iter(ids(5_001)));
    let mut others = 0;
    while let Some(result) = results.recv().await.unwrap() {
        others += usize::from(result.id.0 > 0);
        if others == 5_000 {
            over.store(true, Ordering::SeqCst);
        }
        if result.id.0 == 0 {
            assert_eq!(result.outcome.unwrap(), 1, "{others} tasks in 10 s");
        }
    }
}

/// A step of task 0 that is polled again and again, `once` each time, until task 1 has run; task 1
/// is new, or parked for `pause` first.
async fn beside_a_step_that_takes_whole_turns(
    once: fn() -> BoxFuture<'static, ()>,
    pause: Option<Duration>,
) {
    let ran = Arc::new(AtomicBool::new(false));
    let blueprint = by(move |state: u64, _| {
        let ran = Arc::clone(&ran);
        async move {
            if let (1, Some(pause)) = (state, pause) {
                return Advance::Park { state: 2, pause };
            }
            let begin = RealInstant::now();
            while state == 0 && !ran.load(Ordering::SeqCst) && begin.elapsed() < 2 * SOON {
                once().await;
                yield_to_others().await;
            }
            ran.fetch_or(state > 0, Ordering::SeqCst);
            Advance::Done(u64::from(ran.load(Ordering::SeqCst)))
        }
        .boxed()
    });
    let (sender, mut results) = Orchestrator::new(blueprint).workers(1).channel(2);
    if pause.is_some() {
        sender.send(Task::new(1, 1)).await.unwrap();
        tokio::task::yield_now().await;
    }
    sender.send(Task::new(0, 0)).await.unwrap();
    // Task 0 is executing when the other is sent.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    if pause.is_none() {
        sender.send(Task::new(1, 1)).await.unwrap();
    }
    drop(sender);
    while let Some(result) = results.recv().await.unwrap() {
        assert_eq!(
            result.outcome.unwrap(),
            1,
            "the other task never had its turn"
        );
    }
}

/// Uses up what tokio allows a task to do in a row.
fn use_up_the_budget() -> BoxFuture<'static, ()> {
    async {
        while has_budget_remaining() {
            consume_budget().await;
        }
    }
    .boxed()
}

/// Takes longer than a worker goes on without a pause.
fn take_long() -> BoxFuture<'static, ()> {
    async { busy(Duration::from_millis(1)) }.boxed()
}

#[tokio::test]
async fn new_tasks_begin_beside_a_step_that_uses_up_the_budget() {
    beside_a_step_that_takes_whole_turns(use_up_the_budget, None).await;
}

#[tokio::test]
async fn new_tasks_begin_beside_a_step_that_takes_long_and_is_always_woken() {
    beside_a_step_that_takes_whole_turns(take_long, None).await;
}

#[tokio::test]
async fn parked_tasks_go_on_beside_a_step_that_takes_long_and_is_always_woken() {
    beside_a_step_that_takes_whole_turns(take_long, Some(Duration::from_millis(20))).await;
}

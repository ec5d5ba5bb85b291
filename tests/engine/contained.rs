//! What the user's values do when they are dropped or called stays with their task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{Advance, Orchestrator, Order, StepContext, StepFailure, Task};
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, ids};
use crate::script::{Op, Script, tasks};

/// Panics when it is dropped, unless it was defused.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "dropped");
    }
}

/// Runs task 0 with `step`, and beside it nine tasks that take 50 ms and complete.
async fn beside_others<F>(cancel_after: Option<Duration>, first: F) -> usize
where
    F: Fn(Option<Bomb>, StepContext) -> BoxFuture<'static, Advance<Option<Bomb>, u64>>
        + Send
        + Sync
        + 'static,
{
    let blueprint = by(move |state: Option<Bomb>, cx: StepContext| {
        if cx.task_id().0 == 0 {
            return first(state, cx);
        }
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Advance::Done(1)
        }
        .boxed()
    });
    let token = CancellationToken::new();
    let orchestrator = Orchestrator::new(blueprint)
        .workers(1)
        .shutdown(token.clone());
    if let Some(after) = cancel_after {
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            token.cancel();
        });
    }
    let input = stream::iter((0..10).map(|id| Task::new(id, None)));
    let results = orchestrator.execute_tasks_streaming(input);
    tokio::spawn(results.count()).await.unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_state_that_panics_when_a_shutdown_drops_it_fails_its_task_alone() {
    let count = beside_others(Some(Duration::from_millis(10)), |_, _| {
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Advance::Next(Some(Bomb(true)))
        }
        .boxed()
    })
    .await;
    assert_eq!(count, 10);
}

#[tokio::test(start_paused = true)]
async fn a_panic_whose_payload_panics_fails_its_task_alone() {
    let count = beside_others(None, |_, _| {
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            std::panic::panic_any(Bomb(true))
        }
        .boxed()
    })
    .await;
    assert_eq!(count, 10);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_when_it_is_dropped_fails_its_task_alone() {
    struct Error(#[expect(dead_code, reason = "dropped")] Bomb);
    impl std::fmt::Debug for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Error")
        }
    }
    impl std::fmt::Display for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("error")
        }
    }
    impl std::error::Error for Error {}
    let count = beside_others(None, |_, cx| {
        async move {
            if cx.attempt() > 1 {
                return Advance::Done(1);
            }
            Advance::Failed {
                failure: StepFailure::failed(Error(Bomb(true))),
                again: Some((None, Duration::from_millis(1))),
            }
        }
        .boxed()
    })
    .await;
    assert_eq!(count, 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_advance_that_panics_fails_its_task_alone() {
    let count = beside_others(None, |_, _| panic!("in the call")).await;
    assert_eq!(count, 10);
}

/// Runs one test of this program as a process of its own and says whether it was aborted.
fn aborts(test: &str) -> bool {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.code().is_none()
}

#[test]
fn steps_that_panic_when_they_are_dropped_do_not_abort_the_process() {
    assert!(!aborts(
        "contained::two_steps_that_panic_when_they_are_dropped"
    ));
}

#[tokio::test(start_paused = true)]
#[ignore = "run as a process of its own"]
async fn two_steps_that_panic_when_they_are_dropped() {
    let blueprint = by(|_: u64, _| {
        async move {
            let _bomb = Bomb(true);
            tokio::time::sleep(Duration::from_secs(60)).await;
            Advance::Done(1)
        }
        .boxed()
    });
    let results = Orchestrator::new(blueprint)
        .workers(1)
        .execute_tasks_streaming(stream::iter(ids(2)));
    tokio::time::sleep(Duration::from_millis(10)).await;
    drop(results);
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_whose_waker_panics_stops_no_worker() {
    struct Angry(AtomicUsize);
    impl std::task::Wake for Angry {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("woken");
        }
    }
    let mut results = Orchestrator::new(Script::default())
        .workers(1)
        .execute_tasks_streaming(stream::iter(tasks(10, &[Op::Work(10), Op::Work(10)])));
    let waker = std::task::Waker::from(Arc::new(Angry(AtomicUsize::new(0))));
    let poll = results.poll_next_unpin(&mut std::task::Context::from_waker(&waker));
    assert!(poll.is_pending());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let count = tokio::spawn(results.count()).await.unwrap_or(0);
    assert_eq!(count, 10);
}

#[test]
fn results_that_panic_when_they_are_dropped_do_not_abort_the_process() {
    assert!(!aborts(
        "contained::two_results_that_panic_when_they_are_dropped"
    ));
}

#[tokio::test(start_paused = true)]
#[ignore = "run as a process of its own"]
async fn two_results_that_panic_when_they_are_dropped() {
    struct Error(#[expect(dead_code, reason = "dropped")] Bomb);
    impl std::fmt::Debug for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Error")
        }
    }
    impl std::fmt::Display for Error {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("error")
        }
    }
    impl std::error::Error for Error {}
    for order in [Order::Completion, Order::Input] {
        let blueprint = by(|id: u64, _| {
            async move {
                if id == 0 {
                    return Advance::Done(1);
                }
                if id == 1 {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                Advance::Failed {
                    failure: StepFailure::failed(Error(Bomb(true))),
                    again: None,
                }
            }
            .boxed()
        });
        let mut results = Orchestrator::new(blueprint)
            .workers(1)
            .order(order)
            .execute_tasks_streaming(stream::iter(ids(5)));
        tokio::time::sleep(Duration::from_millis(10)).await;
        // The others came along with it, and were not taken.
        assert_eq!(results.recv().await.unwrap().unwrap().id.0, 0);
        if order == Order::Input {
            assert!(results.recv().now_or_never().is_none());
        }
        drop(results);
    }
}

#[test]
fn inputs_that_panic_when_they_are_dropped_do_not_abort_the_process() {
    assert!(!aborts(
        "contained::two_inputs_that_panic_when_they_are_dropped"
    ));
}

#[tokio::test(start_paused = true)]
#[ignore = "run as a process of its own"]
async fn two_inputs_that_panic_when_they_are_dropped() {
    let blueprint = by(|state: Option<Bomb>, _| {
        async move {
            if state.is_none() {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Advance::Done(1)
        }
        .boxed()
    });
    // The first task fills the window: the others are not admitted.
    let orchestrator = Orchestrator::new(blueprint).window(1);
    let tasks = || {
        let bombs = (1..4).map(|id| Task::new(id, Some(Bomb(true))));
        std::iter::once(Task::new(0, None)).chain(bombs)
    };
    let all_at_hand = orchestrator.execute_tasks(tasks());
    assert!(
        tokio::time::timeout(SOON, all_at_hand).await.is_err(),
        "the first is executing"
    );
    let (sender, results) = orchestrator.channel(10);
    for task in tasks() {
        sender.send(task).await.unwrap();
    }
    tokio::time::sleep(SOON).await;
    drop(results);
    tokio::time::sleep(SOON).await;
}

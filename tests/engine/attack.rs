//! Laws that the engine is held to by attacking it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant as RealInstant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{
    Advance, Blueprint, Orchestrator, StepContext, StepFailure, StepInfo, StepKind, Task,
    TaskErrorKind,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::script::{Op, Script, tasks};

/// A blueprint of one step that is a closure.
struct By<S, F>(F, PhantomData<fn(S)>);

fn by<S, F>(step: F) -> By<S, F>
where
    F: Fn(S, StepContext) -> BoxFuture<'static, Advance<S, u64>> + Send + Sync + 'static,
{
    By(step, PhantomData)
}

impl<S, F> Blueprint for By<S, F>
where
    S: Send + 'static,
    F: Fn(S, StepContext) -> BoxFuture<'static, Advance<S, u64>> + Send + Sync + 'static,
{
    type Input = S;
    type Output = u64;
    type State = S;
    const NAME: &'static str = "By";
    const STEPS: &'static [StepInfo] = &[StepInfo::new(
        "only",
        StepKind::Step,
        std::any::type_name::<()>,
        std::any::type_name::<()>,
    )];
    fn start(input: S) -> S {
        input
    }
    fn position(_: &S) -> usize {
        0
    }
    // The call itself runs the closure, so that what panics there panics in the call.
    fn advance(&self, state: S, cx: &StepContext) -> impl Future<Output = Advance<S, u64>> + Send {
        (self.0)(state, cx.clone())
    }
}

fn ids(count: u64) -> impl Iterator<Item = Task<u64>> {
    (0..count).map(|id| Task::new(id, id))
}

fn bare() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn threads(count: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

const SOON: Duration = Duration::from_secs(1);

// ---- permits

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

// ---- starvation

/// Wakes itself at once, as `futures_lite::future::yield_now` and the like do.
async fn yield_to_others() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

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
        .await;
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
        .await;
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
            while results.recv().await.is_some() {
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
        while let Some(result) = results.recv().await {
            assert_eq!(
                result.outcome.unwrap(),
                1,
                "the other worker slept beside a waiting task"
            );
        }
    });
}

// ---- the channel door

#[tokio::test(start_paused = true)]
async fn fewer_tasks_than_the_window_can_be_sent_before_the_first_is_received() {
    let orchestrator = Orchestrator::new(Script::default());
    let (sender, results) = orchestrator.channel(1);
    for id in 0..100_000 {
        let sent = timeout(10 * SOON, sender.send(Task::new(id, vec![]))).await;
        assert!(sent.is_ok(), "task {id} of a window of 1,000,000 waits");
    }
    drop(sender);
    assert_eq!(results.count().await, 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_received_result_makes_room_for_a_task_at_once() {
    let orchestrator = Orchestrator::new(Script::default()).window(1_000);
    let (sender, mut results) = orchestrator.channel(1);
    let mut sent = 0;
    while timeout(SOON, sender.send(Task::new(sent, vec![])))
        .await
        .is_ok()
    {
        sent += 1;
    }
    for _ in 0..100 {
        assert!(results.recv().await.is_some());
        let more = timeout(SOON, sender.send(Task::new(sent, vec![]))).await;
        assert!(more.is_ok(), "one result was received, no task can be sent");
    }
}

#[tokio::test(start_paused = true)]
async fn every_task_that_was_sent_gives_a_result_after_a_shutdown() {
    let token = CancellationToken::new();
    let orchestrator = Orchestrator::new(Script::default())
        .window(1)
        .shutdown(token.clone());
    let (sender, results) = orchestrator.channel(100);
    let mut sent = 0;
    for id in 0..50 {
        sender
            .send(Task::new(id, vec![Op::Work(10)]))
            .await
            .unwrap();
        sent += 1;
    }
    token.cancel();
    assert_eq!(results.count().await, sent);
}

#[tokio::test(start_paused = true)]
async fn execute_tasks_gives_a_result_for_each_task_after_a_shutdown() {
    let token = CancellationToken::new();
    let orchestrator = Orchestrator::new(Script::default())
        .concurrency(10)
        .shutdown(token.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(15)).await;
        token.cancel();
    });
    let results = orchestrator
        .execute_tasks(tasks(10_000, &[Op::Work(10)]))
        .await;
    assert_eq!(results.len(), 10_000);
}

#[tokio::test]
async fn any_capacity_but_zero_is_accepted() {
    let _ = Orchestrator::new(Script::default()).channel(usize::MAX);
}

// ---- runtimes

#[test]
fn a_shutdown_needs_no_timer_where_nothing_waits() {
    let token = CancellationToken::new();
    token.cancel();
    let results = bare().block_on(
        Orchestrator::new(Script::default())
            .shutdown(token)
            .execute_tasks(tasks(10, &[])),
    );
    assert_eq!(results.len(), 10);
}

#[test]
fn a_shutdown_on_a_runtime_without_a_timer_loses_no_result() {
    let results = bare().block_on(async {
        let token = CancellationToken::new();
        let input = stream::iter(tasks(10, &[])).chain(stream::pending());
        let mut results = Orchestrator::new(Script::default())
            .shutdown(token.clone())
            .execute_tasks_streaming(input);
        let first = results.recv().await;
        assert!(first.is_some());
        token.cancel();
        1 + results.count().await
    });
    assert_eq!(results, 10);
}

#[test]
fn a_run_whose_runtime_went_away_does_not_look_complete() {
    let first = threads(2);
    let results = first.block_on(async {
        let input = stream::iter(tasks(10, &[Op::Work(60_000)]));
        let results = Orchestrator::new(Script::default()).execute_tasks_streaming(input);
        tokio::time::sleep(Duration::from_millis(50)).await;
        results
    });
    drop(first);
    let end = threads(1).block_on(async { tokio::spawn(results.count()).await });
    assert!(
        !matches!(end, Ok(0)),
        "ten tasks were admitted, and the results end as if there had been none"
    );
}

// ---- panics of the user's code

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
        "attack::two_steps_that_panic_when_they_are_dropped"
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

// ---- errors and keys

#[tokio::test(start_paused = true)]
async fn permanent_holds_under_retry_after() {
    let error = orchestrator::permanent(anyhow::anyhow!("gone"));
    let failure = StepFailure::failed(orchestrator::retry_after(error, SOON));
    assert!(failure.is_permanent());
}

#[test]
fn a_marked_error_can_be_found_by_its_type_under_a_context() {
    use anyhow::Context as _;
    let io = std::io::Error::other("disk on fire");
    let plain = Err::<(), _>(io).context("saving").unwrap_err();
    assert!(plain.downcast_ref::<std::io::Error>().is_some());
    let io = std::io::Error::other("disk on fire");
    let marked = Err::<(), _>(orchestrator::permanent(io))
        .context("saving")
        .unwrap_err();
    assert!(
        marked
            .chain()
            .any(<dyn std::error::Error>::is::<std::io::Error>),
        "the mark hides the error's type"
    );
}

#[tokio::test]
async fn two_runs_never_share_an_idempotency_key() {
    let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&keys);
    let blueprint = by(move |_: u64, cx: StepContext| {
        kept.lock().unwrap().push(cx.idempotency_key());
        async { Advance::Done(1) }.boxed()
    });
    let orchestrator = Orchestrator::new(blueprint);
    for _ in 0..2 {
        // As a program does that wants its own random numbers to be the same every time.
        fastrand::seed(7);
        orchestrator.execute_tasks(ids(1)).await;
    }
    let keys = keys.lock().unwrap();
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_names_the_step_it_stands_at() {
    let token = CancellationToken::new();
    let ops = [vec![Op::Work(1_000)], vec![Op::Delay(1)]];
    let input = stream::iter((0_u64..).zip(ops).map(|(id, ops)| Task::new(id, ops)));
    let results = Orchestrator::new(Script::default())
        .concurrency(1)
        .grace(Duration::ZERO)
        .shutdown(token.clone())
        .execute_tasks_streaming(input.chain(stream::pending()));
    tokio::time::sleep(Duration::from_millis(10)).await;
    token.cancel();
    for result in results.collect::<Vec<_>>().await {
        let error = result.outcome.unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::Cancelled);
        assert_eq!(error.step(), ["work", "delay"][result.id.0 as usize]);
    }
}

// ---- turns

/// Keeps its thread busy.
fn busy(duration: Duration) {
    let begin = RealInstant::now();
    while begin.elapsed() < duration {}
}

/// The longest time for which another task of the same thread is kept waiting by 600 tasks that
/// keep it busy for 2 ms each. tokio itself lets a task that yields wait for 61 polls of others.
async fn longest_wait(pause: Option<Duration>) -> Duration {
    let blueprint = by(move |parked: bool, _| {
        async move {
            if let (false, Some(pause)) = (parked, pause) {
                return Advance::Park { state: true, pause };
            }
            busy(Duration::from_millis(2));
            Advance::Done(1)
        }
        .boxed()
    });
    let over = CancellationToken::new();
    let beside = tokio::spawn({
        let over = over.clone();
        async move {
            let mut longest = Duration::ZERO;
            let mut last = RealInstant::now();
            while !over.is_cancelled() {
                tokio::task::yield_now().await;
                longest = longest.max(last.elapsed());
                last = RealInstant::now();
            }
            longest
        }
    });
    Orchestrator::new(blueprint)
        .execute_tasks((0..600).map(|id| Task::new(id, false)))
        .await;
    over.cancel();
    beside.await.unwrap()
}

#[tokio::test]
async fn new_tasks_with_slow_steps_let_others_run_in_between() {
    let longest = longest_wait(None).await;
    assert!(longest < Duration::from_millis(300), "{longest:?}");
}

#[tokio::test]
async fn parked_tasks_with_slow_steps_let_others_run_in_between() {
    let longest = longest_wait(Some(Duration::from_millis(20))).await;
    assert!(longest < Duration::from_millis(300), "{longest:?}");
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
        .await;
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
        .await;
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

// ---- runtimes, laws that hold

#[test]
fn a_local_set_is_a_place_like_any_other() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    let results = local.block_on(&runtime, async {
        let orchestrator = Orchestrator::new(Script::default());
        let run = async move {
            let ops = [Op::Yield, Op::Delay(1), Op::Yield];
            orchestrator.execute_tasks(tasks(100, &ops)).await.len()
        };
        tokio::task::spawn_local(run).await.unwrap()
    });
    assert_eq!(results, 100);
}

#[test]
fn results_can_be_taken_without_a_runtime() {
    let runtime = threads(2);
    let results = {
        let _guard = runtime.enter();
        let ops = [Op::Yield, Op::Delay(1), Op::Yield];
        Orchestrator::new(Script::default())
            .window(10)
            .execute_tasks_streaming(stream::iter(tasks(1_000, &ops)))
    };
    let count = std::thread::spawn(|| {
        // A park-and-unpark executor with nothing of tokio's about it.
        struct Thread(std::thread::Thread);
        impl std::task::Wake for Thread {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = std::task::Waker::from(Arc::new(Thread(std::thread::current())));
        let mut cx = std::task::Context::from_waker(&waker);
        let mut results = results;
        let mut count = 0;
        loop {
            match results.poll_next_unpin(&mut cx) {
                std::task::Poll::Ready(Some(_)) => count += 1,
                std::task::Poll::Ready(None) => break count,
                std::task::Poll::Pending => std::thread::park(),
            }
        }
    });
    assert_eq!(count.join().unwrap(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_with_a_full_outlet_gives_every_result_in_order() {
    let token = CancellationToken::new();
    let pulled = Arc::new(AtomicUsize::new(0));
    let input = {
        let pulled = Arc::clone(&pulled);
        stream::iter(tasks(50_000, &[Op::Ready])).inspect(move |_| {
            pulled.fetch_add(1, Ordering::SeqCst);
        })
    };
    let results = Orchestrator::new(Script::default())
        .workers(3)
        .order(orchestrator::Order::Input)
        .shutdown(token.clone())
        .execute_tasks_streaming(input);
    tokio::time::sleep(SOON).await;
    token.cancel();
    tokio::time::sleep(SOON).await;
    let ordinals: Vec<_> = results.map(|result| result.ordinal).collect().await;
    assert!(ordinals.len() > 8_192);
    let admitted = pulled.load(Ordering::SeqCst) as u64;
    assert_eq!(ordinals, (0..admitted).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn many_runs_share_one_or_two_permits() {
    for concurrency in [1, 2] {
        let script = Script::default();
        let orchestrator = Orchestrator::new(script.clone())
            .concurrency(concurrency)
            .workers(2);
        let ops = [
            Op::Yield,
            Op::Work(3),
            Op::Delay(2),
            Op::Flaky(1),
            Op::Yield,
        ];
        let runs = (0..50).map(|_| orchestrator.execute_tasks(tasks(20, &ops)));
        let all = futures_util::future::join_all(runs);
        let all = timeout(Duration::from_secs(3_600), all).await.unwrap();
        assert!(all.iter().all(|results| results.len() == 20));
        assert_eq!(script.seen.most_executing(), concurrency);
    }
}

// ---- pace

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
        .await;
    let ours = begin.elapsed();
    println!("idiom {idiom:?}, ours {ours:?}");
    assert!(ours < 2 * idiom, "{ours:?} against {idiom:?}");
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
            while id == 0 && !over.load(Ordering::SeqCst) && begin.elapsed() < 2 * SOON {
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
    while let Some(result) = results.recv().await {
        others += usize::from(result.id.0 > 0);
        if others == 5_000 {
            over.store(true, Ordering::SeqCst);
        }
        if result.id.0 == 0 {
            assert_eq!(result.outcome.unwrap(), 1, "{others} tasks in 2 s");
        }
    }
}

// ---- stress

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
        for run in 0..300_u64 {
            let token = CancellationToken::new();
            let pulled = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&pulled);
            let input = stream::iter((0..200).map(|id| Task::new(id, id))).inspect(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let results = orchestrator
                .clone()
                .workers(1 + run as usize % 3)
                .window(1 + run as usize % 50)
                .shutdown(token.clone())
                .grace(Duration::from_millis(run % 4))
                .execute_tasks_streaming(input);
            running.spawn(async move {
                let count = results.count().await;
                assert_eq!(count, pulled.load(Ordering::SeqCst));
            });
            if run % 3 > 0 {
                running.spawn(async move {
                    tokio::time::sleep(Duration::from_micros(run * 37 % 5_000)).await;
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
        timeout(SOON, together).await.expect("a permit is lost");
        assert_eq!(orchestrator.stats(), orchestrator::Stats::default());
    });
}

#[tokio::test(start_paused = true)]
async fn a_delay_without_end_ends_with_a_shutdown() {
    let token = CancellationToken::new();
    let input = stream::iter(tasks(3, &[Op::Delay(u64::MAX)]));
    let results = Orchestrator::new(Script::default())
        .grace(Duration::MAX)
        .shutdown(token.clone())
        .execute_tasks_streaming(input);
    tokio::time::sleep(Duration::from_secs(100_000_000)).await;
    token.cancel();
    assert_eq!(results.count().await, 3);
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

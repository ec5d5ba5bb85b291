//! Errors, their marks, and what a step is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use orchestrator::{Advance, Orchestrator, StepContext, StepFailure, Task, TaskErrorKind};
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, ids};
use crate::script::{Op, Script};

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
        orchestrator.execute_tasks(ids(1)).await.unwrap();
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
    for result in results.try_collect::<Vec<_>>().await.unwrap() {
        let error = result.outcome.unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::Cancelled);
        assert_eq!(
            error.step(),
            ["work", "delay"][usize::try_from(result.id.0).unwrap()]
        );
    }
}

//! Runtimes of every kind, and those that go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use orchestrator::Orchestrator;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, bare, threads};
use crate::script::{Op, Script, tasks};

#[test]
fn a_shutdown_needs_no_timer_where_nothing_waits() {
    let token = CancellationToken::new();
    token.cancel();
    let results = bare().block_on(
        Orchestrator::new(Script::default())
            .shutdown(token)
            .execute_tasks(tasks(10, &[])),
    );
    assert_eq!(results.unwrap().len(), 10);
}

#[test]
fn a_shutdown_on_a_runtime_without_a_timer_loses_no_result() {
    let results = bare().block_on(async {
        let token = CancellationToken::new();
        let input = stream::iter(tasks(10, &[])).chain(stream::pending());
        let mut results = Orchestrator::new(Script::default())
            .shutdown(token.clone())
            .execute_tasks_streaming(input);
        let first = results.recv().await.unwrap();
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
            orchestrator
                .execute_tasks(tasks(100, &ops))
                .await
                .unwrap()
                .len()
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
    let ordinals: Vec<_> = results
        .map(|result| result.unwrap().ordinal)
        .collect()
        .await;
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
        assert!(
            all.iter()
                .all(|results| results.as_ref().unwrap().len() == 20)
        );
        assert_eq!(script.seen.most_executing(), concurrency);
    }
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

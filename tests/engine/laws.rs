//! What holds for all tasks and all settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use orchestrator::{Orchestrator, Order, Task, TaskErrorKind};
use proptest::prelude::*;

use crate::script::{Op, Script};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Ready),
        3 => Just(Op::Yield),
        3 => (0_u64..20).prop_map(Op::Work),
        3 => (0_u64..50).prop_map(Op::Delay),
        2 => (0_u32..3).prop_map(Op::Flaky),
        1 => Just(Op::Fail),
    ]
}

/// How a script ends: which step fails, if one does.
fn fails_at(ops: &[Op]) -> Option<&'static str> {
    ops.contains(&Op::Fail).then_some("fail")
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tasks_give_one_result_each_within_the_bounds(
        scripts in prop::collection::vec(prop::collection::vec(op(), 0..6), 0..200),
        concurrency in 1_usize..20,
        window in 1_usize..50,
        workers in 1_usize..5,
        in_order in any::<bool>(),
    ) {
        let script = Script::default();
        let order = if in_order { Order::Input } else { Order::Completion };
        let pulled = Arc::new(AtomicUsize::new(0));
        let input = {
            let pulled = Arc::clone(&pulled);
            let tasks: Vec<_> = (0_u64..).zip(&scripts).map(|(n, ops)| Task::new(n * 3, ops.clone())).collect();
            stream::iter(tasks).inspect(move |_| { pulled.fetch_add(1, Ordering::SeqCst); })
        };
        let mut most_under_way = 0;
        let results = paused().block_on(async {
            let mut results = Orchestrator::new(script.clone())
                .concurrency(concurrency)
                .window(window)
                .workers(workers)
                .order(order)
                .execute_tasks_streaming(input);
            let mut all = Vec::new();
            while let Some(result) = results.try_next().await.unwrap() {
                most_under_way = most_under_way.max(pulled.load(Ordering::SeqCst) - all.len());
                all.push(result);
            }
            all
        });
        prop_assert!(script.seen.most_executing() <= concurrency);
        prop_assert!(most_under_way <= window);
        let mut ordinals: Vec<_> = results.iter().map(|result| result.ordinal).collect();
        if !in_order {
            ordinals.sort_unstable();
        }
        prop_assert_eq!(ordinals, (0..scripts.len() as u64).collect::<Vec<_>>());
        for result in results {
            prop_assert_eq!(result.id.0, result.ordinal * 3);
            let ops = &scripts[usize::try_from(result.ordinal).unwrap()];
            match (result.outcome, fails_at(ops)) {
                (Ok(ordinal), None) => prop_assert_eq!(ordinal, result.ordinal),
                (Err(error), Some(step)) => prop_assert_eq!(error.step(), step),
                (outcome, _) => prop_assert!(false, "{:?} gave {:?}", ops, outcome),
            }
        }
    }

    #[test]
    fn a_shutdown_at_any_time_loses_no_task(
        scripts in prop::collection::vec(prop::collection::vec(op(), 0..6), 0..100),
        concurrency in 1_usize..10,
        window in 1_usize..50,
        workers in 1_usize..4,
        after in 0_u64..100,
        grace in 0_u64..30,
    ) {
        let script = Script::default();
        let pulled = Arc::new(AtomicUsize::new(0));
        let input = {
            let pulled = Arc::clone(&pulled);
            let tasks: Vec<_> = (0_u64..).zip(scripts).map(|(n, ops)| Task::new(n, ops)).collect();
            stream::iter(tasks).inspect(move |_| { pulled.fetch_add(1, Ordering::SeqCst); })
        };
        let results = paused().block_on(async {
            let token = tokio_util::sync::CancellationToken::new();
            let results = Orchestrator::new(script.clone())
                .concurrency(concurrency)
                .window(window)
                .workers(workers)
                .order(Order::Input)
                .shutdown(token.clone())
                .grace(std::time::Duration::from_millis(grace))
                .execute_tasks_streaming(input);
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(after)).await;
                token.cancel();
            });
            results.try_collect::<Vec<_>>().await.unwrap()
        });
        prop_assert!(script.seen.most_executing() <= concurrency);
        let ordinals: Vec<_> = results.iter().map(|result| result.ordinal).collect();
        let admitted = pulled.load(Ordering::SeqCst) as u64;
        prop_assert_eq!(ordinals, (0..admitted).collect::<Vec<_>>());
        for error in results.into_iter().filter_map(|result| result.outcome.err()) {
            prop_assert!(matches!(error.kind(), TaskErrorKind::Cancelled | TaskErrorKind::Failed));
        }
    }
}

//! What holds at steps with bounds, for all tasks and all settings.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use orchestrator::{Bounds, Orchestrator, Rate, Task, TaskErrorKind};
use proptest::prelude::*;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::script::{Begin, Op, Script, tasks};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Ready),
        3 => Just(Op::Yield),
        3 => (0_u64..20).prop_map(Op::Work),
        2 => (0_u64..50).prop_map(Op::Delay),
        3 => (0_u32..3).prop_map(Op::Flaky),
        1 => Just(Op::Fail),
        1 => Just(Op::Panic),
    ]
}

type Ops = Vec<Op>;

fn scripts() -> impl Strategy<Value = Vec<Ops>> {
    prop::collection::vec(prop::collection::vec(op(), 0..6), 0..80)
}

/// How a run ends: by itself, or after so many milliseconds, shut down or dropped.
#[derive(Clone, Copy, Debug)]
enum End {
    Itself,
    ShutDown(u64, u64),
    Dropped(u64),
}

fn run() -> impl Strategy<Value = (Vec<Ops>, usize, End)> {
    let end = prop_oneof![
        2 => Just(End::Itself),
        1 => (0_u64..100, 0_u64..30).prop_map(|(after, grace)| End::ShutDown(after, grace)),
        1 => (0_u64..100).prop_map(End::Dropped),
    ];
    (scripts(), 1_usize..4, end)
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Runs the scripts to the run's end, and says how many results were to come and did not.
async fn to_its_end(orchestrator: Orchestrator<Script>, scripts: Vec<Ops>, end: End) -> usize {
    let count = scripts.len();
    let token = CancellationToken::new();
    let orchestrator = match end {
        End::ShutDown(_, grace) => orchestrator
            .shutdown(token.clone())
            .grace(Duration::from_millis(grace)),
        _ => orchestrator,
    };
    let input = (0..).zip(scripts).map(|(id, ops)| Task::new(id, ops));
    // All tasks are handed over, so each gives a result.
    let (sender, mut results) = orchestrator.channel(count.max(1));
    for task in input {
        sender.send(task).await.unwrap();
    }
    drop(sender);
    match end {
        End::Itself => count - results.count().await,
        End::ShutDown(after, _) => {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                token.cancel();
            });
            let mut missing = count;
            while let Some(result) = results.recv().await.unwrap() {
                missing -= 1;
                if let Err(error) = result.outcome {
                    let kind = error.kind();
                    assert!(kind != TaskErrorKind::TimedOut, "{kind:?}");
                }
            }
            missing
        }
        End::Dropped(after) => {
            tokio::time::sleep(Duration::from_millis(after)).await;
            0
        }
    }
}

/// The shortest time in which so many attempts in a row were begun.
fn shortest(begins: &[Begin], in_a_row: usize) -> Option<Duration> {
    let windows = begins.windows(in_a_row);
    windows
        .map(|window| window[in_a_row - 1].at.duration_since(window[0].at))
        .min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_limit_is_never_exceeded_and_no_place_is_lost(
        runs in prop::collection::vec(run(), 1..4),
        limits in (1_usize..6, 1_usize..4, 1_usize..3),
        concurrency in 1_usize..20,
    ) {
        let (work, flaky, end) = limits;
        let script = Script::default()
            .bounded("work", Bounds::none().limit(work))
            .bounded("flaky", Bounds::none().limit(flaky))
            .bounded("panic", Bounds::none().limit(1))
            .bounded("end", Bounds::none().limit(end));
        let (missing, elapsed, stats) = paused().block_on(async {
            let orchestrator = Orchestrator::new(script.clone()).concurrency(concurrency);
            let all = runs.into_iter().map(|(scripts, workers, end)| {
                to_its_end(orchestrator.clone().workers(workers), scripts, end)
            });
            let all = tokio::time::timeout(Duration::from_secs(3_600), join_all(all));
            let missing: usize = all.await.expect("a run hangs").into_iter().sum();
            tokio::time::sleep(Duration::from_millis(1)).await;
            let stats = orchestrator.stats();
            let begin = Instant::now();
            let together = work.min(concurrency) as u64;
            let run = orchestrator.execute_tasks(tasks(together, &[Op::Work(50)]));
            let _ = tokio::time::timeout(Duration::from_secs(1), run).await;
            (missing, begin.elapsed(), stats)
        });
        prop_assert_eq!(missing, 0);
        prop_assert!(script.seen.most_in("work") <= work);
        prop_assert!(script.seen.most_in("flaky") <= flaky);
        prop_assert!(script.seen.most_in("panic") <= 1);
        prop_assert!(script.seen.most_in("end") <= end);
        prop_assert_eq!(stats, orchestrator::Stats::default());
        prop_assert!(elapsed < Duration::from_millis(52), "a place is lost: {:?}", elapsed);
    }

    #[test]
    fn a_rate_is_never_exceeded_and_no_task_is_stuck(
        runs in prop::collection::vec(run(), 1..4),
        interval in 1_u64..60,
        limit in prop::option::of(1_usize..4),
    ) {
        let interval = Duration::from_millis(interval);
        let mut bounds = Bounds::none().rate(Rate::new(1, interval));
        if let Some(limit) = limit {
            bounds = bounds.limit(limit);
        }
        let script = Script::default().bounded("work", bounds).bounded("flaky", bounds);
        let missing: usize = paused().block_on(async {
            let orchestrator = Orchestrator::new(script.clone());
            let all = runs.into_iter().map(|(scripts, workers, end)| {
                to_its_end(orchestrator.clone().workers(workers), scripts, end)
            });
            let all = tokio::time::timeout(Duration::from_secs(3_600), join_all(all));
            all.await.expect("a run hangs").into_iter().sum()
        });
        prop_assert_eq!(missing, 0);
        for step in ["work", "flaky"] {
            prop_assert!(script.seen.most_in(step) <= limit.unwrap_or(usize::MAX));
            let begins = script.seen.begins(step);
            for in_a_row in 2..10 {
                if let Some(shortest) = shortest(&begins, in_a_row) {
                    let least = interval * u32::try_from(in_a_row - 1).unwrap();
                    prop_assert!(shortest >= least, "{} in {:?}", in_a_row, shortest);
                }
            }
        }
    }

    #[test]
    fn a_rate_is_reached(
        count in 2_u64..200,
        interval in 1_u64..60,
        workers in 1_usize..4,
        streaming in any::<bool>(),
    ) {
        let rate = Rate::new(1, Duration::from_millis(interval));
        let script = Script::default().bounded("work", Bounds::none().rate(rate));
        let elapsed = paused().block_on(async {
            let orchestrator = Orchestrator::new(script).workers(workers);
            let begin = Instant::now();
            if streaming {
                let input = stream::iter(tasks(count, &[Op::Ready]));
                orchestrator.execute_tasks_streaming(input).count().await;
            } else {
                orchestrator.execute_tasks(tasks(count, &[Op::Ready])).await.unwrap();
            }
            begin.elapsed()
        });
        prop_assert_eq!(elapsed, Duration::from_millis(interval * (count - 1)));
    }
}

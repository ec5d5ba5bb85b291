//! Steps with bounds, between threads: nothing is lost there either.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use orchestrator::{
    Advance, Blueprint, Bounds, Orchestrator, Rate, StepContext, StepFailure, StepInfo, StepKind,
    Task,
};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::closure::{SOON, by, threads, yield_to_others};
use crate::script::{Op, Script, tasks};

#[test]
fn no_task_that_waits_is_forgotten() {
    threads(4).block_on(async {
        for (limit, concurrency) in [(1, 1_000), (2, 2), (7, 3), (100, 1_000)] {
            let bounds = Bounds::none().limit(limit);
            let script = Script::default()
                .bounded("work", bounds)
                .bounded("end", bounds);
            let orchestrator = Orchestrator::new(script.clone())
                .concurrency(concurrency)
                .workers(4);
            let ops = [Op::Yield, Op::Ready, Op::Delay(1), Op::Yield];
            let run = || orchestrator.execute_tasks_streaming(stream::iter(tasks(3_000, &ops)));
            let runs = async { tokio::join!(run().count(), run().count()) };
            let counts = timeout(60 * SOON, runs).await.expect("a task is stuck");
            assert_eq!(counts, (3_000, 3_000));
            assert!(script.seen.most_in("work") <= limit);
            assert!(script.seen.most_in("end") <= limit);
        }
    });
}

#[test]
fn a_rate_is_kept_and_reached() {
    threads(4).block_on(async {
        let bounds = Bounds::none().rate(Rate::per_second(2_000));
        let script = Script::default().bounded("work", bounds);
        let orchestrator = Orchestrator::new(script.clone()).workers(4);
        let begin = Instant::now();
        let run = async || {
            let tasks = tasks(500, &[Op::Yield]);
            orchestrator.execute_tasks(tasks).await.unwrap();
        };
        tokio::join!(run(), run());
        // 1,000 begins, half a millisecond apart.
        let elapsed = begin.elapsed();
        assert!(elapsed >= Duration::from_millis(499), "{elapsed:?}");
        assert!(elapsed < 3 * SOON, "{elapsed:?}");
    });
}

#[test]
fn runs_that_are_shut_down_at_any_time_give_all_places_back() {
    const LIMIT: usize = 3;
    threads(3).block_on(async {
        let meet = Arc::new(tokio::sync::Barrier::new(LIMIT));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let step = by(move |id: u64, _| {
            let (meet, now, most) = (Arc::clone(&meet), Arc::clone(&now), Arc::clone(&most));
            async move {
                let entered = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(entered, Ordering::SeqCst);
                let _left = scopeguard(move || {
                    now.fetch_sub(1, Ordering::SeqCst);
                });
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
                    6 => return Advance::Next(7),
                    _ => {}
                }
                Advance::Done(1)
            }
            .boxed()
        });
        let orchestrator = Orchestrator::new(step.bounded(Bounds::none().limit(LIMIT)));
        let mut running = tokio::task::JoinSet::new();
        for run in 0..300 {
            let token = CancellationToken::new();
            let pulled = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&pulled);
            let input = stream::iter((0..200).map(|id| Task::new(id, id))).inspect(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let mut each = orchestrator.clone();
            if run % 5 == 0 {
                each = each.concurrency(1 + run % 7);
            }
            let results = each
                .workers(1 + run % 3)
                .window(1 + run % 50)
                .shutdown(token.clone())
                .grace(Duration::from_millis(run as u64 % 4))
                .execute_tasks_streaming(input);
            let after = Duration::from_micros(run as u64 * 37 % 5_000);
            if run % 7 == 0 {
                running.spawn(async move {
                    tokio::time::sleep(after).await;
                    drop(results);
                });
                continue;
            }
            running.spawn(async move {
                let count = results.count().await;
                assert_eq!(count, pulled.load(Ordering::SeqCst));
            });
            if run % 3 > 0 {
                running.spawn(async move {
                    tokio::time::sleep(after).await;
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
        timeout(60 * SOON, all).await.expect("a run hangs");
        assert!(seen.load(Ordering::SeqCst) <= LIMIT);
        let together = orchestrator.execute_tasks((0..LIMIT).map(|_| Task::new(0, 4_004)));
        let ended = timeout(SOON, together).await.expect("a place is lost");
        ended.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(orchestrator.stats(), orchestrator::Stats::default());
    });
}

/// Calls this when it is dropped.
fn scopeguard(call: impl FnMut()) -> impl Drop {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(call)
}

/// A step with a limit of 1, and one past it that keeps its thread busy until a task of another run
/// has been in the first.
struct PastTheGate {
    go_on: Arc<Notify>,
    tell: mpsc::Sender<()>,
    told: Mutex<mpsc::Receiver<()>>,
}

impl Blueprint for PastTheGate {
    type Input = At;
    type Output = bool;
    type State = At;
    const NAME: &'static str = "PastTheGate";
    const STEPS: &'static [StepInfo] = &[step("gate"), step("past")];
    fn start(input: At) -> At {
        input
    }
    fn position(state: &At) -> usize {
        usize::from(matches!(state, At::Past))
    }
    fn bounds(&self, step: usize) -> Bounds {
        [Bounds::none().limit(1), Bounds::none()][step]
    }
    async fn advance(&self, state: At, _: &StepContext) -> Advance<At, bool> {
        match state {
            At::Gate => {
                self.go_on.notified().await;
                Advance::Next(At::Past)
            }
            At::OtherGate => {
                let _ = self.tell.send(());
                Advance::Done(true)
            }
            At::Past => Advance::Done(self.told.lock().unwrap().recv_timeout(2 * SOON).is_ok()),
        }
    }
}

enum At {
    Gate,
    OtherGate,
    Past,
}

const fn step(name: &'static str) -> StepInfo {
    let of = std::any::type_name::<()>;
    StepInfo::new(name, StepKind::Step, of, of)
}

#[test]
fn who_is_let_in_does_not_wait_for_the_thread_of_who_left() {
    threads(4).block_on(async {
        let (tell, told) = mpsc::channel();
        let go_on = Arc::new(Notify::new());
        let blueprint = PastTheGate {
            go_on: Arc::clone(&go_on),
            tell,
            told: Mutex::new(told),
        };
        let orchestrator = Orchestrator::new(blueprint).workers(1);
        let busy = orchestrator.execute_tasks_streaming(stream::iter([Task::new(0, At::Gate)]));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let other =
            orchestrator.execute_tasks_streaming(stream::iter([Task::new(1, At::OtherGate)]));
        tokio::time::sleep(Duration::from_millis(50)).await;
        go_on.notify_one();
        assert_eq!(other.count().await, 1);
        let outcomes: Vec<_> = busy
            .map(|result| result.unwrap().outcome.unwrap())
            .collect()
            .await;
        assert_eq!(outcomes, [true], "the other run has a place, and no thread");
    });
}

//! A blueprint whose tasks say themselves what their steps do: [`Script`].
//!
//! It implements the contract by hand, so these tests say something about the engine alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orchestrator::{Advance, Blueprint, StepContext, StepFailure, StepInfo, StepKind, Task};

/// What one step of a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Is ready at once.
    Ready,
    /// Suspends once and is woken at once.
    Yield,
    /// Executes for so many milliseconds.
    Work(u64),
    /// Waits so many milliseconds as a parked task.
    Delay(u64),
    /// Fails so many times, with pauses of 10 ms, and then succeeds.
    Flaky(u32),
    /// Fails for good.
    Fail,
    /// Panics.
    Panic,
}

/// Runs the steps that each task brings along, and counts what goes on. The output is the task's
/// ordinal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) seen: Arc<Seen>,
}

/// What a [`Script`] has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    executing: AtomicUsize,
    most_executing: AtomicUsize,
    begun: AtomicUsize,
}

impl Seen {
    /// The most steps that were executing at once.
    pub(crate) fn most_executing(&self) -> usize {
        self.most_executing.load(Ordering::SeqCst)
    }

    /// How many steps were begun.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn enter(self: &Arc<Self>) -> Executing {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let executing = self.executing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_executing.fetch_max(executing, Ordering::SeqCst);
        Executing(Arc::clone(self))
    }
}

/// Counted for as long as it lives.
struct Executing(Arc<Seen>);

impl Drop for Executing {
    fn drop(&mut self) {
        self.0.executing.fetch_sub(1, Ordering::SeqCst);
    }
}

const fn step(name: &'static str, kind: StepKind) -> StepInfo {
    StepInfo::new(
        name,
        kind,
        std::any::type_name::<()>,
        std::any::type_name::<()>,
    )
}

impl Blueprint for Script {
    type Input = Vec<Op>;
    type Output = u64;
    type State = VecDeque<Op>;

    const NAME: &'static str = "Script";
    const STEPS: &'static [StepInfo] = &[
        step("work", StepKind::Step),
        step("delay", StepKind::Delay),
        step("flaky", StepKind::Step),
        step("fail", StepKind::Step),
        step("panic", StepKind::Step),
        step("end", StepKind::Step),
    ];

    fn start(ops: Vec<Op>) -> VecDeque<Op> {
        ops.into()
    }

    fn position(ops: &VecDeque<Op>) -> usize {
        match ops.front() {
            Some(Op::Ready | Op::Yield | Op::Work(_)) => 0,
            Some(Op::Delay(_)) => 1,
            Some(Op::Flaky(_)) => 2,
            Some(Op::Fail) => 3,
            Some(Op::Panic) => 4,
            None => 5,
        }
    }

    async fn advance(&self, mut ops: VecDeque<Op>, cx: &StepContext) -> Advance<VecDeque<Op>, u64> {
        let _executing = self.seen.enter();
        let Some(op) = ops.pop_front() else {
            return Advance::Done(cx.ordinal());
        };
        match op {
            Op::Ready => {}
            Op::Yield => tokio::task::yield_now().await,
            Op::Work(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Op::Delay(millis) => {
                return Advance::Park {
                    state: ops,
                    pause: Duration::from_millis(millis),
                };
            }
            Op::Flaky(failures) if cx.attempt() <= failures => {
                ops.push_front(op);
                return Advance::Failed {
                    failure: StepFailure::failed(anyhow::anyhow!("flaky")),
                    again: Some((ops, Duration::from_millis(10))),
                };
            }
            Op::Flaky(_) => {}
            Op::Fail => {
                return Advance::Failed {
                    failure: StepFailure::failed(anyhow::anyhow!("scripted")),
                    again: None,
                };
            }
            Op::Panic => panic!("scripted panic"),
        }
        Advance::Next(ops)
    }
}

/// So many tasks of the same script, with their places as their ids.
pub(crate) fn tasks(count: u64, ops: &[Op]) -> impl Iterator<Item = Task<Vec<Op>>> + use<> {
    let ops = ops.to_vec();
    (0..count).map(move |id| Task::new(id, ops.clone()))
}

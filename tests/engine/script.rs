//! A blueprint whose tasks say themselves what their steps do: [`Script`].
//!
//! It implements the contract by hand, so these tests say something about the engine alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orchestrator::{
    Advance, Blueprint, Bounds, StepContext, StepFailure, StepInfo, StepKind, Task,
};
use tokio::time::Instant;

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
    bounds: [Bounds; STEPS],
}

const STEPS: usize = 6;

impl Script {
    /// Bounds the step of this name.
    pub(crate) fn bounded(mut self, step: &str, bounds: Bounds) -> Self {
        self.bounds[index(step)] = bounds;
        self
    }
}

fn index(step: &str) -> usize {
    let place = Script::STEPS.iter().position(|info| info.name() == step);
    place.expect("a step of this name")
}

/// What a [`Script`] has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    executing: AtomicUsize,
    most_executing: AtomicUsize,
    begun: AtomicUsize,
    bounded: [Bounded; STEPS],
}

/// What was seen of a step that has bounds.
#[derive(Debug, Default)]
struct Bounded {
    executing: AtomicUsize,
    most_executing: AtomicUsize,
    begins: Mutex<Vec<Begin>>,
}

/// An attempt at a step that has bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) at: Instant,
    pub(crate) task: u64,
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

    /// The most tasks that were in this step at once, which has bounds.
    pub(crate) fn most_in(&self, step: &str) -> usize {
        self.bounded[index(step)]
            .most_executing
            .load(Ordering::SeqCst)
    }

    /// The attempts at this step, which has bounds, in order.
    pub(crate) fn begins(&self, step: &str) -> Vec<Begin> {
        self.bounded[index(step)].begins.lock().unwrap().clone()
    }

    fn enter_bounded(self: &Arc<Self>, step: usize, cx: &StepContext) -> ExecutingIn {
        let seen = &self.bounded[step];
        let executing = seen.executing.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_executing.fetch_max(executing, Ordering::SeqCst);
        seen.begins.lock().unwrap().push(Begin {
            at: Instant::now(),
            task: cx.task_id().0,
        });
        ExecutingIn(Arc::clone(self), step)
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

/// Counted at its step for as long as it lives.
struct ExecutingIn(Arc<Seen>, usize);

impl Drop for ExecutingIn {
    fn drop(&mut self) {
        self.0.bounded[self.1]
            .executing
            .fetch_sub(1, Ordering::SeqCst);
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

    fn bounds(&self, step: usize) -> Bounds {
        self.bounds[step]
    }

    async fn advance(&self, mut ops: VecDeque<Op>, cx: &StepContext) -> Advance<VecDeque<Op>, u64> {
        let _executing = self.seen.enter();
        let step = Self::position(&ops);
        let _bounded =
            (self.bounds[step] != Bounds::none()).then(|| self.seen.enter_bounded(step, cx));
        let Some(op) = ops.pop_front() else {
            return Advance::Done(cx.ordinal());
        };
        match op {
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
            Op::Ready | Op::Flaky(_) => {}
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

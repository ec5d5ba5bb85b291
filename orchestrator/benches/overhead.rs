//! What a task costs beyond its steps: ours beside the idioms, side by side.
//!
//! `cargo bench -p orchestrator --bench overhead`. Every contestant drives the same three fns over
//! the same number of tasks on a runtime of its own with two worker threads; the rounds are
//! interleaved, and the ratios are medians of the rounds' own ratios, so that a machine whose speed
//! drifts does not favour anybody.

#![expect(
    clippy::unused_async,
    reason = "steps are async; that these have nothing to wait for is what is measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_buffered::BufferedStreamExt as _;
use futures_util::{Stream, StreamExt as _, stream};
use orchestrator::{
    Advance, Blueprint, Bounds, Orchestrator, StepContext, StepInfo, StepKind, Task, blueprint,
};

const TASKS: u64 = 1_000_000;
const ROUNDS: usize = 11;
const WORKERS: usize = 2;
const CONCURRENCY: usize = 10_000;

async fn first(value: u64) -> u64 {
    black_box(value + 1)
}

async fn second(value: u64) -> u64 {
    black_box(value * 3)
}

async fn second_yields(value: u64) -> u64 {
    yield_once().await;
    black_box(value * 3)
}

async fn third(value: u64) -> u64 {
    black_box(value ^ 7)
}

/// Suspends once; wakes at once, without the runtime's help.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

struct Ready;

#[blueprint]
impl Ready {
    #[step]
    async fn first(&self, value: u64) -> u64 {
        first(value).await
    }
    #[step]
    async fn second(&self, value: u64) -> u64 {
        second(value).await
    }
    #[step]
    async fn third(&self, value: u64) -> u64 {
        third(value).await
    }
}

struct Yields;

#[blueprint]
impl Yields {
    #[step]
    async fn first(&self, value: u64) -> u64 {
        first(value).await
    }
    #[step]
    async fn second(&self, value: u64) -> u64 {
        second_yields(value).await
    }
    #[step]
    async fn third(&self, value: u64) -> u64 {
        third(value).await
    }
}

/// The steps of [`Ready`], the second of which has a limit.
struct Limited(usize);

enum Step {
    First(u64),
    Second(u64),
    Third(u64),
}

const fn step(name: &'static str) -> StepInfo {
    let of = std::any::type_name::<u64>;
    StepInfo::new(name, StepKind::Step, of, of)
}

impl Blueprint for Limited {
    type Input = u64;
    type Output = u64;
    type State = Step;
    const NAME: &'static str = "Limited";
    const STEPS: &'static [StepInfo] = &[step("first"), step("second"), step("third")];
    fn start(value: u64) -> Step {
        Step::First(value)
    }
    fn position(state: &Step) -> usize {
        match state {
            Step::First(_) => 0,
            Step::Second(_) => 1,
            Step::Third(_) => 2,
        }
    }
    fn bounds(&self, step: usize) -> Bounds {
        match step {
            1 => Bounds::none().limit(self.0),
            _ => Bounds::none(),
        }
    }
    async fn advance(&self, state: Step, _: &StepContext) -> Advance<Step, u64> {
        match state {
            Step::First(value) => Advance::Next(Step::Second(first(value).await)),
            Step::Second(value) => Advance::Next(Step::Third(second(value).await)),
            Step::Third(value) => Advance::Done(third(value).await),
        }
    }
}

fn tasks() -> impl Stream<Item = Task<u64>> {
    stream::iter((0..TASKS).map(|id| Task::new(id, id)))
}

async fn orchestrator_ready() -> u64 {
    let orchestrator = Orchestrator::new(Ready).concurrency(CONCURRENCY);
    sum(orchestrator
        .execute_tasks_streaming(tasks())
        .map(|result| result.expect("a run").outcome.unwrap_or_default()))
    .await
}

/// With a limit that is hardly ever reached, and one that two workers reach all the time.
async fn orchestrator_limited(limit: usize) -> u64 {
    let orchestrator = Orchestrator::new(Limited(limit)).concurrency(CONCURRENCY);
    sum(orchestrator
        .execute_tasks_streaming(tasks())
        .map(|result| result.expect("a run").outcome.unwrap_or_default()))
    .await
}

async fn orchestrator_yields() -> u64 {
    let orchestrator = Orchestrator::new(Yields).concurrency(CONCURRENCY);
    sum(orchestrator
        .execute_tasks_streaming(tasks())
        .map(|result| result.expect("a run").outcome.unwrap_or_default()))
    .await
}

async fn spawn_and_channel() -> u64 {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1_000);
    tokio::spawn(async move {
        for id in 0..TASKS {
            let sender = sender.clone();
            tokio::spawn(async move {
                let output = third(second(first(id).await).await).await;
                let _ = sender.send(output).await;
            });
        }
    });
    sum(stream::poll_fn(move |cx| receiver.poll_recv(cx))).await
}

async fn buffer_unordered() -> u64 {
    sum(stream::iter(0..TASKS)
        .map(async |id| third(second(first(id).await).await).await)
        .buffer_unordered(CONCURRENCY))
    .await
}

async fn buffer_unordered_yields() -> u64 {
    sum(stream::iter(0..TASKS)
        .map(async |id| third(second_yields(first(id).await).await).await)
        .buffer_unordered(CONCURRENCY))
    .await
}

async fn futures_buffered_yields() -> u64 {
    sum(stream::iter(0..TASKS)
        .map(async |id| third(second_yields(first(id).await).await).await)
        .buffered_unordered(CONCURRENCY))
    .await
}

async fn sum(results: impl Stream<Item = u64>) -> u64 {
    let mut results = std::pin::pin!(results);
    let mut sum = 0_u64;
    while let Some(output) = results.next().await {
        sum = sum.wrapping_add(output);
    }
    sum
}

fn main() {
    compare(
        "three steps, ready at once",
        &[
            ("orchestrator", || measure(orchestrator_ready())),
            ("buffer_unordered(10,000)", || measure(buffer_unordered())),
            (
                "tokio::spawn + mpsc(1,000)",
                || measure(spawn_and_channel()),
            ),
        ],
    );
    compare(
        "three steps, ready at once, one with a limit",
        &[
            ("orchestrator, no limit", || measure(orchestrator_ready())),
            ("orchestrator, limit 10,000", || {
                measure(orchestrator_limited(CONCURRENCY))
            }),
            ("orchestrator, limit 1", || measure(orchestrator_limited(1))),
        ],
    );
    compare(
        "three steps, one yields once",
        &[
            ("orchestrator", || measure(orchestrator_yields())),
            ("futures-buffered(10,000)", || {
                measure(futures_buffered_yields())
            }),
            ("buffer_unordered(10,000)", || {
                measure(buffer_unordered_yields())
            }),
        ],
    );
}

type Contestant = (&'static str, fn() -> (Duration, u64));

fn measure(run: impl Future<Output = u64>) -> (Duration, u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_time()
        .build()
        .expect("the runtime starts");
    let begin = Instant::now();
    let sum = runtime.block_on(run);
    (begin.elapsed(), sum)
}

/// Runs the contestants in turn and prints each one's time a task, and how many times as long as
/// the first it took.
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "printing figures to read is what it does"
)]
fn compare(title: &str, contestants: &[Contestant]) {
    let mut times = vec![Vec::new(); contestants.len()];
    let mut ratios = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        let round: Vec<_> = contestants.iter().map(|(_, run)| run()).collect();
        for (index, (time, sum)) in round.iter().enumerate() {
            assert_eq!(*sum, round[0].1, "all did the same work");
            times[index].push(time.as_nanos() as f64 / TASKS as f64);
            ratios[index].push(time.as_secs_f64() / round[0].0.as_secs_f64());
        }
    }
    println!("{title}: {TASKS} tasks, {ROUNDS} rounds, medians (least to most)");
    for (index, (name, _)) in contestants.iter().enumerate() {
        let (time, least, most) = spread(&mut times[index]);
        let (ratio, ..) = spread(&mut ratios[index]);
        println!("  {name:28} {time:6.0} ns a task ({least:.0} to {most:.0})   {ratio:5.2}x");
    }
}

fn spread(figures: &mut [f64]) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (
        figures[figures.len() / 2],
        figures[0],
        figures[figures.len() - 1],
    )
}

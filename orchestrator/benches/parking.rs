//! What a waiting task costs: ours beside the idioms, each in a process of its own.
//!
//! `cargo bench -p orchestrator --bench parking`. Linux only: the peak of the resident memory is
//! read from `/proc/self/status`.

use std::process::Command;
use std::time::{Duration, Instant};

use futures_buffered::BufferedStreamExt as _;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt as _, stream};
use orchestrator::{
    Advance, Blueprint, Bounds, Orchestrator, StepContext, StepInfo, StepKind, Task, blueprint,
};

const DELAY: Duration = Duration::from_secs(5);

/// Its states are of 24 bytes: 16 of payload, and the tag.
struct Waits;

#[blueprint]
impl Waits {
    #[delay]
    fn wait(&self, _: &(u64, u64)) -> Duration {
        DELAY
    }
    #[step]
    async fn add(&self, (left, right): (u64, u64)) -> u64 {
        left + right
    }
}

/// A step that one task at a time is in: the first stays for the delay, and all others wait at it.
struct OneAtATime;

impl Blueprint for OneAtATime {
    type Input = (u64, u64);
    type Output = u64;
    /// Of 24 bytes too.
    type State = (u64, u64, bool);
    const NAME: &'static str = "OneAtATime";
    const STEPS: &'static [StepInfo] = &[StepInfo::new(
        "add",
        StepKind::Step,
        std::any::type_name::<(u64, u64)>,
        std::any::type_name::<u64>,
    )];
    fn start((left, right): (u64, u64)) -> Self::State {
        (left, right, left == 0)
    }
    fn position(_: &Self::State) -> usize {
        0
    }
    fn bounds(&self, _: usize) -> Bounds {
        Bounds::none().limit(1)
    }
    async fn advance(
        &self,
        (left, right, stays): Self::State,
        _: &StepContext,
    ) -> Advance<Self::State, u64> {
        if stays {
            tokio::time::sleep(DELAY).await;
        }
        Advance::Done(left + right)
    }
}

async fn wait_and_add((left, right): (u64, u64)) -> u64 {
    tokio::time::sleep(DELAY).await;
    left + right
}

async fn parked(tasks: u64) -> u64 {
    let window = usize::try_from(tasks).expect("a window that fits");
    let input = stream::iter((0..tasks).map(|id| Task::new(id, (id, 1))));
    let results = Orchestrator::new(Waits)
        .window(window)
        .execute_tasks_streaming(input);
    count(results).await
}

async fn at_a_gate(tasks: u64) -> u64 {
    let window = usize::try_from(tasks).expect("a window that fits");
    let input = stream::iter((0..tasks).map(|id| Task::new(id, (id, 1))));
    let results = Orchestrator::new(OneAtATime)
        .window(window)
        .execute_tasks_streaming(input);
    count(results).await
}

async fn spawned(tasks: u64) -> u64 {
    let handles: Vec<_> = (0..tasks)
        .map(|id| tokio::spawn(wait_and_add((id, 1))))
        .collect();
    count(stream::iter(handles).then(async |handle| handle.await.expect("no step panics"))).await
}

async fn futures_unordered(tasks: u64) -> u64 {
    count(
        (0..tasks)
            .map(|id| wait_and_add((id, 1)))
            .collect::<FuturesUnordered<_>>(),
    )
    .await
}

async fn futures_buffered(tasks: u64) -> u64 {
    let window = usize::try_from(tasks).expect("a window that fits");
    let input = stream::iter((0..tasks).map(|id| wait_and_add((id, 1))));
    count(input.buffered_unordered(window)).await
}

async fn count(results: impl Stream) -> u64 {
    let mut results = std::pin::pin!(results);
    let mut count = 0;
    while results.next().await.is_some() {
        count += 1;
    }
    count
}

const CONTESTANTS: [(&str, u64); 6] = [
    ("orchestrator", 1_000_000),
    ("at a step of limit 1", 1_000_000),
    ("futures-buffered", 1_000_000),
    ("FuturesUnordered", 1_000_000),
    ("tokio::spawn", 1_000_000),
    ("orchestrator", 10_000_000),
];

#[expect(clippy::print_stdout, reason = "figures to read")]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [name, tasks] = arguments.as_slice()
        && let Ok(tasks) = tasks.parse()
    {
        run(name, tasks);
        return;
    }
    let executable = std::env::current_exe().expect("the path of this bench");
    println!("a delay of {DELAY:?}, two worker threads");
    for (name, tasks) in CONTESTANTS {
        let status = Command::new(&executable)
            .args([name, &tasks.to_string()])
            .status()
            .expect("this bench runs again");
        assert!(status.success());
    }
}

/// Runs one contestant in this process.
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "figures to read"
)]
fn run(name: &str, tasks: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("the runtime starts");
    let begin = Instant::now();
    let finished = runtime.block_on(async {
        match name {
            "orchestrator" => parked(tasks).await,
            "at a step of limit 1" => at_a_gate(tasks).await,
            "tokio::spawn" => spawned(tasks).await,
            "FuturesUnordered" => futures_unordered(tasks).await,
            "futures-buffered" => futures_buffered(tasks).await,
            _ => 0,
        }
    });
    assert_eq!(finished, tasks);
    let seconds = begin.elapsed().as_secs_f64();
    let peak = peak_resident_bytes().expect("a /proc/self/status with VmHWM");
    println!(
        "  {name:20} {tasks:>9} tasks: all delivered after {seconds:5.2} s, \
         peak resident {:6.0} MB, {:4.0} bytes a task",
        peak as f64 / 1e6,
        peak as f64 / tasks as f64,
    );
}

fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

//! scratch
use futures_util::StreamExt;
use orchestrator::{Advance, Blueprint, Orchestrator, StepContext, StepInfo, StepKind, Task};
use std::time::{Duration, Instant};

async fn a(x: u64) -> u64 {
    x + 1
}
async fn b(x: u64) -> u64 {
    x * 3
}
async fn c(x: u64) -> u64 {
    x ^ 7
}
async fn y(x: u64) -> u64 {
    yield_once().await;
    x * 3
}
fn yield_once() -> impl Future<Output = ()> {
    let mut done = false;
    std::future::poll_fn(move |cx| {
        if done {
            std::task::Poll::Ready(())
        } else {
            done = true;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    })
}

struct P<const Y: bool>;
enum S {
    A(u64),
    B(u64),
    C(u64),
}
impl<const Y: bool> Blueprint for P<Y> {
    type Input = u64;
    type Output = u64;
    type State = S;
    const NAME: &'static str = "P";
    const STEPS: &'static [StepInfo] = &[
        StepInfo::new(
            "a",
            StepKind::Step,
            std::any::type_name::<u64>,
            std::any::type_name::<u64>,
        ),
        StepInfo::new(
            "b",
            StepKind::Step,
            std::any::type_name::<u64>,
            std::any::type_name::<u64>,
        ),
        StepInfo::new(
            "c",
            StepKind::Step,
            std::any::type_name::<u64>,
            std::any::type_name::<u64>,
        ),
    ];
    fn start(i: u64) -> S {
        S::A(i)
    }
    fn position(s: &S) -> usize {
        match s {
            S::A(_) => 0,
            S::B(_) => 1,
            S::C(_) => 2,
        }
    }
    fn advance(&self, s: S, _cx: &StepContext) -> impl Future<Output = Advance<S, u64>> + Send {
        async move {
            match s {
                S::A(x) => Advance::Next(S::B(a(x).await)),
                S::B(x) => {
                    if Y {
                        Advance::Next(S::C(y(x).await))
                    } else {
                        Advance::Next(S::C(b(x).await))
                    }
                }
                S::C(x) => Advance::Done(c(x).await),
            }
        }
    }
}
fn rt() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}
fn time<F: Future<Output = u64>>(f: F) -> (f64, u64) {
    let rt = rt();
    let t = Instant::now();
    let s = rt.block_on(f);
    (t.elapsed().as_nanos() as f64, s)
}
const N: u64 = 1_000_000;
async fn ours<const Y: bool>() -> u64 {
    let o = Orchestrator::new(P::<Y>).concurrency(10_000);
    let mut r =
        o.execute_tasks_streaming(futures_util::stream::iter((0..N).map(|i| Task::new(i, i))));
    let mut sum = 0u64;
    while let Some(x) = r.next().await {
        sum = sum.wrapping_add(x.outcome.unwrap());
    }
    sum
}
async fn bu() -> u64 {
    let mut s = futures_util::stream::iter(0..N)
        .map(|i| async move { c(b(a(i).await).await).await })
        .buffer_unordered(10_000);
    let mut sum = 0u64;
    while let Some(x) = s.next().await {
        sum = sum.wrapping_add(x);
    }
    sum
}
async fn buy() -> u64 {
    let mut s = futures_util::stream::iter(0..N)
        .map(|i| async move { c(y(a(i).await).await).await })
        .buffer_unordered(10_000);
    let mut sum = 0u64;
    while let Some(x) = s.next().await {
        sum = sum.wrapping_add(x);
    }
    sum
}
async fn fb() -> u64 {
    use futures_buffered::BufferedStreamExt;
    let mut s = futures_util::stream::iter(0..N)
        .map(|i| async move { c(y(a(i).await).await).await })
        .buffered_unordered(10_000);
    let mut sum = 0u64;
    while let Some(x) = s.next().await {
        sum = sum.wrapping_add(x);
    }
    sum
}
async fn sp() -> u64 {
    let (tx, mut rx) = tokio::sync::mpsc::channel(1000);
    tokio::spawn(async move {
        for i in 0..N {
            let tx = tx.clone();
            tokio::spawn(async move {
                let _ = tx.send(c(b(a(i).await).await).await).await;
            });
        }
    });
    let mut sum = 0u64;
    while let Some(x) = rx.recv().await {
        sum = sum.wrapping_add(x);
    }
    sum
}
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("ours") => {
            for _ in 0..30 {
                time(ours::<false>());
            }
            return;
        }
        Some("oursy") => {
            for _ in 0..30 {
                time(ours::<true>());
            }
            return;
        }
        _ => {}
    }
    let _ = Duration::ZERO;
    for _ in 0..5 {
        let n = N as f64;
        println!(
            "ours {:.0} bu {:.0} spawn {:.0} | yield: ours {:.0} fb {:.0} bu {:.0}",
            time(ours::<false>()).0 / n,
            time(bu()).0 / n,
            time(sp()).0 / n,
            time(ours::<true>()).0 / n,
            time(fb()).0 / n,
            time(buy()).0 / n
        );
    }
}

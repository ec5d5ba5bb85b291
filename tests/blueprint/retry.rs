//! How often a failed step is tried again, and what is kept for it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use orchestrator::{StepContext, blueprint, permanent, retry_after};
use tokio::time::Instant;

use crate::run;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    Busy,
    Gone,
}

impl Refusal {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "`when` asks for it")]
    fn is_passing(&self) -> bool {
        *self == Self::Busy
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Error for Refusal {}

/// Counts how often it was cloned.
#[derive(Default)]
struct Counted(Arc<AtomicU32>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

struct Retried {
    times: u32,
    refusal: Refusal,
    succeeds_at: u32,
}

#[blueprint]
impl Retried {
    #[step(retry(times = self.times, backoff = "1s", max = self.longest(), when = Refusal::is_passing))]
    async fn by_value(&self, input: Counted, cx: &StepContext) -> Result<Counted, Refusal> {
        if cx.attempt() < self.succeeds_at {
            return Err(self.refusal);
        }
        Ok(input)
    }

    #[step(retry(times = 1, when = |error: &anyhow::Error| error.to_string() != "final" && self.times > 0))]
    async fn by_reference(&self, _: &Counted, cx: &StepContext) -> anyhow::Result<()> {
        anyhow::ensure!(cx.attempt() == 2, "once");
        Ok(())
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(u64::from(self.times))
    }
}

#[tokio::test(start_paused = true)]
async fn the_input_is_cloned_only_for_another_attempt() {
    for (times, succeeds_at, clones) in [(3, 1, 1), (3, 3, 3), (3, 4, 3), (2, 3, 2)] {
        let blueprint = Retried {
            times,
            refusal: Refusal::Busy,
            succeeds_at,
        };
        let output = run(blueprint, Counted::default()).await.unwrap();
        assert_eq!(output.0.load(Relaxed), clones, "{times} {succeeds_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_says_which_errors_are_worth_it() {
    for (refusal, attempts) in [(Refusal::Busy, 4), (Refusal::Gone, 1)] {
        let blueprint = Retried {
            times: 3,
            refusal,
            succeeds_at: 9,
        };
        let error = run(blueprint, Counted::default()).await.err().unwrap();
        assert_eq!((error.step(), error.attempts()), ("by_value", attempts));
        let source = error.source().unwrap();
        assert_eq!(source.downcast_ref::<Refusal>(), Some(&refusal));
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_are_waited_for() {
    let blueprint = Retried {
        times: 5,
        refusal: Refusal::Busy,
        succeeds_at: 4,
    };
    let began = Instant::now();
    run(blueprint, Counted::default()).await.unwrap();
    // 1 s, 2 s and 4 s, each shortened by up to a half, and the default 100 ms of the second step.
    let waited = began.elapsed().as_secs_f64();
    assert!((3.5..7.2).contains(&waited), "{waited}");
}

struct Marked;

#[blueprint]
impl Marked {
    #[step(retry = 5)]
    async fn fails(&self, permanently: bool, cx: &StepContext) -> anyhow::Result<u32> {
        let error = anyhow::anyhow!("no");
        match cx.attempt() {
            1 => Err(retry_after(error, Duration::from_secs(100))),
            2 if permanently => Err(permanent(error)),
            2 => Err(error),
            n => Ok(n),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn marks_on_errors_are_heeded() {
    let began = Instant::now();
    assert_eq!(run(Marked, false).await.unwrap(), 3);
    let waited = began.elapsed().as_secs_f64();
    assert!((100.0..100.3).contains(&waited), "{waited}");
    let error = run(Marked, true).await.unwrap_err();
    assert_eq!(error.to_string(), "fails: no (2 attempts)");
}

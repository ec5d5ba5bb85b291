//! A step that takes too long is dropped.

use std::sync::Arc;
use std::time::Duration;

use orchestrator::{StepContext, TaskErrorKind, blueprint};

use crate::run;

struct Slow {
    limit: Duration,
    held: Arc<()>,
}

#[blueprint]
impl Slow {
    #[step(timeout = self.limit)]
    async fn first(&self, seconds: u64) -> u64 {
        let _held = Arc::clone(&self.held);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        seconds
    }

    #[step(timeout = "1m 30s", retry = 1)]
    async fn second(&self, seconds: &u64, cx: &StepContext) {
        if *seconds == 7 && cx.attempt() == 1 {
            std::future::pending::<()>().await;
        }
    }

    #[step(timeout = Duration::from_millis(1), retry(times = 1 + 1, backoff = Duration::ZERO))]
    async fn third(&self, seconds: u64, cx: &StepContext) -> anyhow::Result<(u64, u32)> {
        if seconds == 8 && cx.attempt() < 3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        anyhow::ensure!(seconds != 9, "nine");
        Ok((seconds, cx.attempt()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_future() {
    let held = Arc::new(());
    let slow = || Slow {
        limit: Duration::from_secs(10),
        held: Arc::clone(&held),
    };
    assert_eq!(run(slow(), 6).await.unwrap(), (6, 1));
    assert_eq!(run(slow(), 7).await.unwrap(), (7, 1));
    assert_eq!(run(slow(), 8).await.unwrap(), (8, 3));
    let error = run(slow(), 9).await.unwrap_err();
    assert_eq!(error.to_string(), "third: nine (3 attempts)");
    let error = run(slow(), 11).await.unwrap_err();
    assert_eq!(error.to_string(), "first: timed out after 10s (1 attempt)");
    assert_eq!(error.kind(), TaskErrorKind::TimedOut);
    assert_eq!(Arc::strong_count(&held), 1);
}

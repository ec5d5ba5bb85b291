//! A blueprint that writes down which of its steps ran: [`Trace`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orchestrator::{StepContext, blueprint, permanent};
use serde::{Deserialize, Serialize};

/// What a task is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Order {
    /// How often the second step fails.
    pub(crate) failures: u32,
    /// What becomes of the second step then: nothing, `permanent`, `panic` or `late`.
    pub(crate) ends: String,
    /// How long the second step takes, in milliseconds.
    #[serde(default)]
    pub(crate) packing: u64,
    /// How long the delay is, in milliseconds.
    pub(crate) delay: u64,
    /// How long the last step takes, in milliseconds.
    pub(crate) takes: u64,
}

/// What is seen of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parcel {
    order: Order,
    attempts: u32,
}

/// Writes down which of its steps ran.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    runs: BTreeMap<String, u32>,
    executing: usize,
    most: usize,
}

impl Trace {
    fn ran(&self, cx: &StepContext) {
        let mut seen = self.0.lock().unwrap();
        *seen.runs.entry(cx.idempotency_key()).or_default() += 1;
    }

    /// How often each step was begun, by its idempotency key.
    pub(crate) fn runs(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().runs.clone()
    }

    /// How often the step of this name was begun, over all tasks.
    pub(crate) fn begun(&self, step: &str) -> u32 {
        let ends = format!("/{step}");
        let runs = self.runs();
        let of_step = runs.iter().filter(|(key, _)| key.ends_with(&ends));
        of_step.map(|(_, count)| count).sum()
    }

    /// The most tasks that were in the last step at once.
    pub(crate) fn most(&self) -> usize {
        self.0.lock().unwrap().most
    }
}

#[blueprint]
impl Trace {
    #[step]
    async fn look(&self, _: &Order, cx: &StepContext) {
        self.ran(cx);
    }

    #[step(timeout = "200ms", retry(times = 2, backoff = "10ms"))]
    async fn pack(&self, order: Order, cx: &StepContext) -> anyhow::Result<Parcel> {
        self.ran(cx);
        tokio::time::sleep(Duration::from_millis(order.packing)).await;
        if cx.attempt() <= order.failures {
            anyhow::bail!("out of tape\nat attempt {}", cx.attempt());
        }
        match &*order.ends {
            "permanent" => Err(permanent(anyhow::anyhow!("too big").context("packing"))),
            "panic" => panic!("cut my finger"),
            "late" => std::future::pending().await,
            _ => Ok(Parcel {
                order,
                attempts: cx.attempt(),
            }),
        }
    }

    #[delay]
    fn rest(&self, parcel: &Parcel) -> Duration {
        Duration::from_millis(parcel.order.delay)
    }

    #[step(limit = 3)]
    async fn ship(&self, parcel: Parcel, cx: &StepContext) -> anyhow::Result<String> {
        self.ran(cx);
        {
            let mut seen = self.0.lock().unwrap();
            seen.executing += 1;
            seen.most = seen.most.max(seen.executing);
        }
        tokio::time::sleep(Duration::from_millis(parcel.order.takes)).await;
        self.0.lock().unwrap().executing -= 1;
        Ok(format!("{} after {}", cx.task_id(), parcel.attempts))
    }
}

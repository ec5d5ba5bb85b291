//! A blueprint that writes down which of its steps ran: [`Trace`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orchestrator::{StepContext, blueprint, permanent};
use tokio::sync::Notify;

/// Writes down which of its steps ran; the input says what they do.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Seen>);

#[derive(Default)]
struct Seen {
    runs: Mutex<Vec<String>>,
    keys: Mutex<Vec<String>>,
    /// While it is set, the last step waits.
    holds: AtomicBool,
    released: Notify,
}

impl Trace {
    /// Its last step does not end.
    pub(crate) fn holding() -> Self {
        let trace = Self::default();
        trace.0.holds.store(true, Ordering::Relaxed);
        trace
    }

    fn ran(&self, step: &str, cx: &StepContext) {
        let run = format!("{}.{step}", cx.ordinal());
        self.0.runs.lock().unwrap().push(run);
        self.0.keys.lock().unwrap().push(cx.idempotency_key());
    }

    /// `ordinal.step` of each begin of a step so far, sorted.
    pub(crate) fn runs(&self) -> Vec<String> {
        let mut runs = self.0.runs.lock().unwrap().clone();
        runs.sort();
        runs
    }

    /// The keys that the steps saw.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.keys.lock().unwrap().clone()
    }

    /// How often the last step was begun.
    pub(crate) fn lasts(&self) -> usize {
        self.runs()
            .iter()
            .filter(|run| run.ends_with("last"))
            .count()
    }
}

#[blueprint]
impl Trace {
    /// Fails, panics, or goes on.
    #[step]
    async fn first(&self, input: i64, cx: &StepContext) -> anyhow::Result<i64> {
        self.ran("first", cx);
        match input {
            -1 => Err(permanent(anyhow::anyhow!("minus one\nwas given"))),
            -2 => panic!("minus two"),
            input => Ok(input),
        }
    }

    /// So many milliseconds.
    #[delay]
    fn wait(&self, input: &i64) -> Duration {
        Duration::from_millis(input.unsigned_abs())
    }

    #[step]
    async fn last(&self, input: i64, cx: &StepContext) -> String {
        self.ran("last", cx);
        while self.0.holds.load(Ordering::Relaxed) {
            self.0.released.notified().await;
        }
        format!("waited {input}")
    }
}

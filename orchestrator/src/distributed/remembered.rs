//! An engine that remembers, in this process, for tests: [`Remembered`]; and what it runs, [`Does`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{History, Interrupted, Places, Record, Submission, Walk, pipeline};
use crate::{
    Advance, Blueprint, Durable, StepContext, StepFailure, StepInfo, StepKind, Storable as _,
};

/// What a step of the task does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Op {
    Nothing,
    Wait(u64),
    /// Fails so many times.
    Flaky(u32),
    Fail,
    /// Fails, at such length.
    Rant(usize),
    /// Gives what can be written, and not be read.
    Lose,
    #[serde(skip_deserializing)]
    Lost,
    Panic,
    /// Ends the task before its last step.
    Exit,
}

/// Does what the task says, one after the other. Counts.
pub(super) struct Does(pub(super) AtomicUsize);

impl Blueprint for Does {
    type Input = Vec<Op>;
    type Output = u32;
    type State = Vec<Op>;

    const NAME: &'static str = "Does";
    const STEPS: &'static [StepInfo] = &[StepInfo::new("next", StepKind::Step, || "ops", || "u32")];

    fn start(input: Vec<Op>) -> Vec<Op> {
        input
    }

    fn position(_: &Vec<Op>) -> usize {
        0
    }

    async fn advance(&self, mut state: Vec<Op>, cx: &StepContext) -> Advance<Vec<Op>, u32> {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(cx.idempotency_key(), "run/3/next");
        let Some(op) = state.pop() else {
            return Advance::Done(cx.attempt());
        };
        let failure = StepFailure::failed(anyhow::anyhow!("as it is asked to"));
        match op {
            Op::Wait(ms) => Advance::Park {
                state,
                pause: Duration::from_millis(ms),
            },
            Op::Flaky(times) if cx.attempt() <= times => Advance::Failed {
                failure,
                again: Some((Vec::new(), Duration::from_micros(1))),
            },
            Op::Flaky(_) | Op::Nothing => Advance::Next(state),
            Op::Fail => Advance::Failed {
                failure,
                again: None,
            },
            Op::Rant(length) => Advance::Failed {
                failure: StepFailure::failed(anyhow::anyhow!("ä".repeat(length / 2))),
                again: None,
            },
            Op::Lose => Advance::Next(vec![Op::Lost]),
            Op::Lost => unreachable!("it is lost"),
            Op::Panic => panic!("as it is asked to"),
            Op::Exit => Advance::Done(77),
        }
    }
}

impl Durable for Does {
    fn encode(state: &Vec<Op>) -> anyhow::Result<(&'static str, String)> {
        Ok(("next", state.to_json()?))
    }

    fn decode(_: &str, json: &str) -> anyhow::Result<Vec<Op>> {
        Vec::from_json(json)
    }

    fn encode_input(input: &Vec<Op>) -> anyhow::Result<(&'static str, String)> {
        Self::encode(input)
    }

    fn encode_output(output: &u32) -> anyhow::Result<String> {
        output.to_json()
    }

    fn decode_output(json: &str) -> anyhow::Result<u32> {
        u32::from_json(json)
    }
}

/// What is remembered of a task; a process may do only so much more of it before it is lost.
pub(super) struct Remembered<'a> {
    pub(super) entries: &'a Mutex<Vec<(String, String)>>,
    pub(super) next: AtomicUsize,
    pub(super) left: AtomicUsize,
    /// Whether it is always called away.
    pub(super) called: bool,
}

impl<'a> Remembered<'a> {
    /// Of a process that may do so much more.
    pub(super) fn by(entries: &'a Mutex<Vec<(String, String)>>, left: usize) -> Self {
        Self {
            entries,
            next: AtomicUsize::new(0),
            left: AtomicUsize::new(left),
            called: false,
        }
    }

    /// The next entry, if it is there; or whether there is time to make one.
    fn recall(&self, name: &str) -> Option<String> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let entries = self.entries.lock().unwrap();
        let (was, json) = entries.get(at)?;
        assert_eq!(was, name, "asked for in another order");
        Some(json.clone())
    }

    async fn remember(&self, name: &str, json: String) {
        if self.left.load(Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.entries.lock().unwrap().push((name.to_owned(), json));
    }
}

impl History for Remembered<'_> {
    async fn record(
        &self,
        name: String,
        attempt: impl Future<Output = anyhow::Result<Record>> + Send,
    ) -> Result<Record, Interrupted> {
        if let Some(json) = self.recall(&name) {
            return Ok(serde_json::from_str(&json).unwrap());
        }
        let Ok(record) = attempt.await else {
            // Another process is to make it.
            return std::future::pending().await;
        };
        let json = serde_json::to_string(&record).unwrap();
        self.remember(&name, json).await;
        Ok(record)
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Interrupted> {
        let name = format!("sleep {pause:?}");
        if self.recall(&name).is_none() {
            self.remember(&name, String::new()).await;
        }
        Ok(())
    }

    async fn called(&self) {
        if !self.called {
            std::future::pending::<()>().await;
        }
    }
}

pub(super) fn task(ops: &[Op]) -> Submission {
    let (_, json) = Does::encode_input(&ops.to_vec()).unwrap();
    submission(&json)
}

pub(super) fn submission(input: &str) -> Submission {
    let json = format!(r#"{{"run": "run", "ordinal": 3, "id": 9, "input": {input}}}"#);
    serde_json::from_str(&json).unwrap()
}

pub(super) fn walk() -> Walk<Does> {
    let blueprint = Does(AtomicUsize::new(0));
    Walk {
        places: Places::new(&blueprint, 10),
        blueprint,
        pipeline: pipeline::<Does>(),
        longest: Duration::MAX,
        cancelled: CancellationToken::new(),
        executing: Arc::default(),
    }
}

/// Interrupts the task, once, at the next thing that it asks for after so many.
pub(super) struct Cancelled<'a> {
    remembered: Remembered<'a>,
    after: usize,
    told: AtomicBool,
    /// Whether the attempt that it is at is made: who is cancelled in a step learns it when that has ended.
    pub(super) is_made: bool,
}

impl<'a> Cancelled<'a> {
    pub(super) fn after(after: usize, remembered: Remembered<'a>) -> Self {
        Self {
            remembered,
            after,
            told: AtomicBool::new(false),
            is_made: true,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.remembered.next.load(Ordering::Relaxed) == self.after
            && !self.told.swap(true, Ordering::Relaxed)
    }
}

impl History for Cancelled<'_> {
    async fn record(
        &self,
        name: String,
        attempt: impl Future<Output = anyhow::Result<Record>> + Send,
    ) -> Result<Record, Interrupted> {
        if !self.is_cancelled() {
            return self.remembered.record(name, attempt).await;
        }
        if self.is_made && self.remembered.entries.lock().unwrap().len() == self.after {
            attempt.await.unwrap();
        }
        Err(Interrupted::Cancelled)
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Interrupted> {
        if !self.is_cancelled() {
            return self.remembered.sleep(pause).await;
        }
        Err(Interrupted::Cancelled)
    }

    async fn called(&self) {
        self.remembered.called().await;
    }
}

//! Tasks whose process is lost at any time come to the same end, and no step that is recorded runs again.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{End, History, Interrupted, Places, Record, Submission, Walk, pipeline};
use crate::{
    Advance, Blueprint, Durable, StepContext, StepFailure, StepInfo, StepKind, Storable as _,
};

/// What a step of the task does.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Nothing,
    Wait(u64),
    /// Fails so many times.
    Flaky(u32),
    Fail,
    Panic,
    /// Ends the task before its last step.
    Exit,
}

/// Does what the task says, one after the other. Counts.
struct Does(AtomicUsize);

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
struct Remembered<'a> {
    entries: &'a Mutex<Vec<(String, String)>>,
    next: AtomicUsize,
    left: AtomicUsize,
    /// Whether it is always called away.
    called: bool,
}

impl<'a> Remembered<'a> {
    /// Of a process that may do so much more.
    fn by(entries: &'a Mutex<Vec<(String, String)>>, left: usize) -> Self {
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

fn task(ops: &[Op]) -> Submission {
    let (_, json) = Does::encode_input(&ops.to_vec()).unwrap();
    submission(&json)
}

fn submission(input: &str) -> Submission {
    let json = format!(r#"{{"run": "run", "ordinal": 3, "id": 9, "input": {input}}}"#);
    serde_json::from_str(&json).unwrap()
}

fn walk() -> Walk<Does> {
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

/// Does a task through processes of which each remembers only so much more; gives its end, and how many attempts
/// were made and how many were recorded.
fn walked(ops: &[Op], lives: &[usize]) -> (String, usize, usize) {
    let entries = Mutex::default();
    let walk = walk();
    for left in lives.iter().copied().chain([usize::MAX]) {
        let history = Remembered::by(&entries, left);
        let life = pin!(walk.walk(task(ops), &history));
        if let Poll::Ready(end) = life.poll(&mut Context::from_waker(Waker::noop())) {
            let end = match end.unwrap() {
                End::Completed(output) => output.to_string(),
                End::Failed(failed) => serde_json::to_string(&failed).unwrap(),
            };
            assert_eq!(walk.executing.load(Ordering::Relaxed), 0);
            let entries = entries.lock().unwrap();
            let steps = entries
                .iter()
                .filter(|(name, _)| !name.starts_with("sleep"));
            return (end, walk.blueprint.0.load(Ordering::Relaxed), steps.count());
        }
    }
    unreachable!("the last life has no end");
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Nothing),
        3 => (0..3_u64).prop_map(Op::Wait),
        3 => (0..4_u32).prop_map(Op::Flaky),
        1 => Just(Op::Fail),
        1 => Just(Op::Exit),
    ]
}

proptest! {
    #[test]
    fn a_task_comes_to_the_same_end_whenever_its_process_is_lost(
        ops in proptest::collection::vec(op(), 0..8),
        lives in proptest::collection::vec(0..4_usize, 0..8),
    ) {
        let (expected, attempts, recorded) = walked(&ops, &[]);
        prop_assert_eq!(attempts, recorded);
        let (end, more, recorded) = walked(&ops, &lives);
        prop_assert_eq!(end, expected);
        prop_assert_eq!(recorded, attempts);
        // Only what was not recorded was done again: one attempt a life, at most.
        prop_assert!(more <= attempts + lives.len(), "{} of {}", more, attempts);
    }
}

#[test]
fn a_panic_is_an_end_and_says_what_it_said() {
    let (end, ..) = walked(&[Op::Panic], &[]);
    assert!(
        end.contains(r#""kind":"panicked","message":"panicked: as it is asked to""#),
        "{end}"
    );
}

#[test]
fn a_step_that_fails_says_after_how_many_attempts() {
    let (end, ..) = walked(&[Op::Fail, Op::Flaky(3)], &[1, 1]);
    assert!(end.contains(r#""attempts":1"#), "{end}");
    let (end, attempts, _) = walked(&[Op::Flaky(3)], &[]);
    assert_eq!((end.as_str(), attempts), ("1", 5));
}

#[test]
fn no_step_begins_in_a_process_that_is_about_to_end() {
    let walk = walk();
    walk.cancelled.cancel();
    let entries = Mutex::default();
    let history = Remembered::by(&entries, usize::MAX);
    let life = pin!(walk.walk(task(&[Op::Nothing]), &history));
    assert!(
        life.poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_step_that_waits_for_its_place_is_called_away_and_begun_later() {
    let blueprint = Does(AtomicUsize::new(0));
    let walk = Walk {
        places: Places::new(&blueprint, 1),
        ..walk()
    };
    let entries = Mutex::default();
    let taken = walk.places.enter(0).await;
    let history = Remembered {
        called: true,
        ..Remembered::by(&entries, 3)
    };
    let task = || task(&[Op::Nothing]);
    let life = pin!(walk.walk(task(), &history));
    let life = life.poll(&mut Context::from_waker(Waker::noop()));
    assert!(life.is_pending());
    assert_eq!(entries.lock().unwrap().len(), 3);
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 0);

    drop(taken);
    let end = walk
        .walk(task(), &Remembered::by(&entries, usize::MAX))
        .await;
    assert!(matches!(end.unwrap(), End::Completed(output) if output.get() == "1"));
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 2);
}

/// Interrupts the task at the next thing that it asks for after so many.
struct Cancelled<'a>(Remembered<'a>, usize);

impl Cancelled<'_> {
    fn check(&self) -> Result<(), Interrupted> {
        if self.0.next.load(Ordering::Relaxed) < self.1 {
            return Ok(());
        }
        Err(Interrupted::Cancelled)
    }
}

impl History for Cancelled<'_> {
    async fn record(
        &self,
        name: String,
        attempt: impl Future<Output = anyhow::Result<Record>> + Send,
    ) -> Result<Record, Interrupted> {
        self.check()?;
        self.0.record(name, attempt).await
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Interrupted> {
        self.check()?;
        self.0.sleep(pause).await
    }

    async fn called(&self) {
        self.0.called().await;
    }
}

#[tokio::test]
async fn a_task_that_is_cancelled_says_how_often_its_step_was_begun() {
    // In its first step before it was begun, in a delay, and after the first attempt at its second one.
    for (ops, after, attempts) in [
        (&[Op::Nothing][..], 0, 0),
        (&[Op::Wait(9)], 1, 0),
        (&[Op::Flaky(9)], 1, 1),
        (&[Op::Flaky(9)], 2, 1),
        (&[Op::Flaky(9)], 3, 2),
    ] {
        let entries = Mutex::default();
        let history = Cancelled(Remembered::by(&entries, usize::MAX), after);
        let end = walk().walk(task(ops), &history).await.unwrap();
        let End::Failed(failed) = end else {
            panic!("{end:?}")
        };
        assert_eq!(failed.attempts, attempts, "{ops:?} after {after}");
    }
}

#[tokio::test]
async fn an_input_that_can_not_be_read_fails_and_a_later_value_is_waited_for() {
    let entries = Mutex::default();
    let history = Remembered::by(&entries, usize::MAX);
    let end = walk().walk(submission("7"), &history).await.unwrap();
    let End::Failed(failed) = end else {
        panic!("{end:?}")
    };
    assert_eq!((failed.step.as_str(), failed.attempts), ("next", 0));
    assert!(failed.message.contains("the input is none"), "{failed:?}");

    // The input was read once, and can't be any more.
    let entries = Mutex::default();
    for (input, lives) in [(r#"[{"Flaky":9}]"#, 2), ("7", usize::MAX)] {
        let history = Remembered::by(&entries, lives);
        let walk = walk();
        let life = pin!(walk.walk(submission(input), &history));
        let life = life.poll(&mut Context::from_waker(Waker::noop()));
        assert!(life.is_pending());
    }
    assert_eq!(entries.lock().unwrap().len(), 2);
}

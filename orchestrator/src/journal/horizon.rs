//! Delays that end late: they wait on disk, and nowhere else. [`Horizon`] says which, [`OnDisk`] brings
//! them back.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Sleep;

use super::recording::Recording;
use super::store::{FAR, SLICE};
use crate::Durable;
use crate::engine::{Far, Recalled, Wake};

/// Delays that end before this time are kept in memory. It is the beginning of a [slice](SLICE) of time.
///
/// **Invariant:** a task on disk ends after it, and its record was appended before the horizon is moved past
/// its end. A task in memory ends before it.
#[derive(Debug)]
pub(super) struct Horizon(Mutex<State>);

#[derive(Debug)]
struct State {
    /// By the run's time, in milliseconds.
    at: i64,
    /// How many tasks are on disk alone.
    far: u64,
    /// Up to which position records of theirs were appended.
    position: u64,
    /// Woken when a first task waits on disk.
    waker: Option<Waker>,
    /// While the horizon is being moved: the ordinals of tasks in memory that end before where it goes, and
    /// whose records may be found on the way.
    near: Option<Vec<u64>>,
}

impl Horizon {
    pub(super) fn new(now: i64) -> Self {
        Self(Mutex::new(State {
            at: ahead(now),
            far: 0,
            position: 0,
            waker: None,
            near: None,
        }))
    }

    /// Whether a task that was recorded before is left on disk.
    pub(super) fn is_far(&self, wake: Wake) -> bool {
        let mut state = self.lock();
        // The end of a shorter delay is not looked for.
        let is_far = wake.is_far && wake.due >= state.at;
        if is_far {
            state.add(1);
        }
        is_far
    }

    /// Appends records of which some are of long delays: `wakes` has their ordinals and ends. Returns their
    /// position, and the horizon as it was then.
    pub(super) fn append(&self, wakes: &[(u64, i64)], append: impl FnOnce() -> u64) -> (u64, i64) {
        let mut state = self.lock();
        let position = append();
        let at = state.at;
        let is_far = |(_, due): &&(u64, i64)| *due >= at;
        let far = wakes.iter().filter(is_far).count();
        if let Some(near) = &mut state.near {
            let ends_before = wakes.iter().filter(|wake| !is_far(wake));
            near.extend(ends_before.map(|(ordinal, _)| *ordinal));
        }
        if far > 0 {
            state.position = position;
            state.add(far as u64);
        }
        (position, at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, count: u64) {
        self.far += count;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whether a delay is long enough for its task to wait on disk.
pub(super) fn is_long(delay: Duration) -> bool {
    delay > FAR
}

/// The next horizon: far enough that a delay is back in memory when its time comes.
fn ahead(now: i64) -> i64 {
    let slice = millis(SLICE);
    now.saturating_add(millis(FAR)).div_euclid(slice) * slice
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Brings tasks back whose delay ends soon.
pub(super) struct OnDisk<B: Durable> {
    recording: Arc<Recording<B>>,
    /// Up to when all is back.
    done: i64,
    /// The next slice of time to read, once the records before it are committed.
    slice: Option<Slice>,
    sleep: Option<Pin<Box<Sleep>>>,
}

struct Slice {
    until: i64,
    position: u64,
    /// How many tasks had been admitted when the horizon was moved.
    admitted: u64,
}

impl<B: Durable> OnDisk<B> {
    pub(super) fn new(recording: Arc<Recording<B>>) -> Self {
        let done = recording.horizon().lock().at;
        Self {
            recording,
            done,
            slice: None,
            sleep: None,
        }
    }

    /// Waits until it is time to move the horizon, and moves it.
    fn poll_slice(&mut self, admitted: u64, all: bool, cx: &mut Context<'_>) -> Poll<Slice> {
        if let Some(slice) = self.slice.take() {
            return Poll::Ready(slice);
        }
        let recording = Arc::clone(&self.recording);
        let clock = recording.clock();
        loop {
            let mut state = self.recording.horizon().lock();
            if all && state.at == i64::MAX {
                return Poll::Pending;
            }
            if !all && state.far == 0 {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let next = ahead(clock.now());
            if all || next > state.at {
                state.at = if all { i64::MAX } else { next };
                state.near = Some(Vec::new());
                return Poll::Ready(Slice {
                    until: state.at,
                    position: state.position,
                    admitted,
                });
            }
            let at = clock.instant(state.at.saturating_add(millis(SLICE) - millis(FAR)));
            drop(state);
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            std::task::ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
    }
}

impl<B: Durable> Far<B> for OnDisk<B> {
    fn poll_due(
        &mut self,
        admitted: u64,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<anyhow::Result<Vec<Recalled<B>>>> {
        loop {
            let slice = std::task::ready!(self.poll_slice(admitted, all, cx));
            match self.recording.poll_committed_until(slice.position, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.slice = Some(slice);
                    return Poll::Pending;
                }
            }
            let after = std::mem::replace(&mut self.done, slice.until);
            let mut due = self.recording.due(after, slice.until, slice.admitted);
            if let Ok(due) = &mut due {
                let mut state = self.recording.horizon().lock();
                let near: HashSet<u64> = state.near.take().into_iter().flatten().collect();
                due.retain(|task| !near.contains(&task.ordinal));
                state.far = state.far.saturating_sub(due.len() as u64);
                if due.is_empty() {
                    continue;
                }
            }
            return Poll::Ready(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::UNIX_EPOCH;

    use futures_util::FutureExt as _;
    use rusqlite::Connection;

    use super::*;
    use crate::engine::Recorder as _;
    use crate::journal::clock::Clock;
    use crate::journal::recording::Settings;
    use crate::journal::store::{
        self, ClockReading, Commits, Identity, Opening, Record, Stage, Store,
    };
    use crate::{Advance, Blueprint, StepContext, StepInfo, StepKind};

    /// Its states are numbers; none of its steps is run here.
    struct Numbers;

    impl Blueprint for Numbers {
        type Input = u8;
        type Output = u8;
        type State = u8;

        const NAME: &'static str = "Numbers";
        const STEPS: &'static [StepInfo] =
            &[StepInfo::new("only", StepKind::Step, || "u8", || "u8")];

        fn start(input: u8) -> u8 {
            input
        }

        fn position(_: &u8) -> usize {
            0
        }

        async fn advance(&self, state: u8, _: &StepContext) -> Advance<u8, u8> {
            Advance::Done(state)
        }
    }

    impl Durable for Numbers {
        fn encode(state: &u8) -> anyhow::Result<(&'static str, String)> {
            Ok(("only", state.to_string()))
        }

        fn decode(_: &str, json: &str) -> anyhow::Result<u8> {
            Ok(json.parse()?)
        }

        fn encode_input(input: &u8) -> anyhow::Result<(&'static str, String)> {
            Self::encode(input)
        }

        fn encode_output(output: &u8) -> anyhow::Result<String> {
            Ok(output.to_string())
        }

        fn decode_output(json: &str) -> anyhow::Result<u8> {
            Ok(json.parse()?)
        }
    }

    fn clock() -> ClockReading {
        ClockReading {
            name: "a clock".to_owned(),
            tick: 0,
            at: 0,
        }
    }

    fn open(path: &Path, commits: Commits) -> Store {
        let identity = Identity {
            blueprint: "Numbers".to_owned(),
            steps: vec!["only".to_owned()],
            facts: Vec::new(),
        };
        let opening = Opening::new(path).unwrap();
        opening
            .begin(&identity, || "run".to_owned(), commits, &clock())
            .unwrap()
    }

    fn waits(ordinal: u64, at: i64, full: Duration) -> Record {
        Record {
            ordinal,
            id: ordinal,
            stage: Stage::Next {
                step: "only".into(),
                attempt: 1,
                json: "1".to_owned(),
                wake: Some(store::Wake {
                    at,
                    full,
                    clock: 1,
                    tick: at,
                }),
            },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_admitted_while_the_horizon_moves_comes_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.db");
        let full = Duration::from_secs(13);
        let old = [waits(0, 13_000, full), waits(1, 13_000, full)];
        open(&path, Commits::Inline).append(old.to_vec(), None);

        let store = open(&path, Commits::OnAThread);
        let clock = Clock::given(UNIX_EPOCH);
        let recording = Arc::new(Recording::<Numbers>::new(store, clock, Settings::default()));
        let mut on_disk = OnDisk::new(Arc::clone(&recording));
        let wake = Wake {
            due: 13_000,
            is_far: true,
        };
        assert!(recording.is_far(wake));

        tokio::time::advance(Duration::from_secs(6)).await;
        // Its commit is held up, and the look at the disk with it.
        let held_up = Connection::open(&path).unwrap();
        held_up.execute_batch("BEGIN IMMEDIATE").unwrap();
        let late = waits(2, 60_000, Duration::from_secs(60));
        let append = || recording.append(vec![late], None);
        recording.horizon().append(&[(2, 60_000)], append);
        let mut due = |admitted| {
            let due = std::future::poll_fn(|cx| on_disk.poll_due(admitted, false, cx));
            due.now_or_never()
        };
        assert!(due(1).is_none());
        // It ends before where the horizon is now: it is in memory from its admission on.
        assert!(!recording.is_far(wake));
        held_up.execute_batch("ROLLBACK").unwrap();

        let found = loop {
            if let Some(found) = due(2) {
                break found.unwrap();
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let ordinals: Vec<_> = found.iter().map(|task| task.ordinal).collect();
        assert_eq!(ordinals, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_whose_delay_begins_while_the_horizon_moves_past_its_end_comes_once() {
        let horizon = Horizon::new(0);
        horizon.lock().near = Some(Vec::new());
        let (_, at) = horizon.append(&[(7, 9_999), (8, 10_001)], || 1);
        assert_eq!(at, 10_000);
        assert_eq!(horizon.lock().near, Some(vec![7]));
        assert_eq!(horizon.lock().far, 1);
    }
}

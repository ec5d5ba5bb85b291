//! A run and its journal: [`Recording`].

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Waker};

use super::JournalError;
use super::clock::Clock;
use super::horizon::{Horizon, OnDisk};
use super::inputs::{Differs, Inputs};
use super::notebook::Page;
use super::record;
use super::store::{Mark, Record, Stage, Store, Timeline, hash_of_input};
use super::unique::{Ids, Seen};
use crate::engine::{Far, Met, Notebook, Recalled, Recorder, SendRecord, Wake, Way, contained};
use crate::{Durable, StepFailure, Task, TaskError, TaskErrorKind, TaskId, TaskResult};

/// A run and its journal.
pub(super) struct Recording<B> {
    store: Store,
    clock: Clock,
    timeline: Timeline,
    horizon: Horizon,
    inputs: Inputs,
    /// Whether tasks that failed run again.
    retry_failed: bool,
    /// Set where ids are unique.
    ids: Option<Ids>,
    begun: AtomicBool,
    has_appended: Once,
    /// The ordinal of the next task that is sent.
    next: Mutex<u64>,
    blueprint: PhantomData<fn() -> B>,
}

/// The user's settings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    /// Whether tasks that failed run again.
    pub(super) retry_failed: bool,
    pub(super) unique_ids: bool,
    pub(super) accepts_changed_inputs: bool,
}

impl<B: Durable> Recording<B> {
    pub(super) fn new(store: Store, clock: Clock, settings: Settings) -> Self {
        Self {
            // A task that was sent has a hash from the moment it has a record.
            next: Mutex::new(store.ordinals()),
            inputs: Inputs::new(store.inputs(), settings.accepts_changed_inputs),
            horizon: Horizon::new(clock.now()),
            timeline: store.timeline(),
            store,
            clock,
            retry_failed: settings.retry_failed,
            ids: settings.unique_ids.then(Ids::default),
            begun: AtomicBool::new(false),
            has_appended: Once::new(),
            blueprint: PhantomData,
        }
    }

    /// Hands records over for the next commit, after the hashes of inputs that were admitted before. Returns their position.
    pub(super) fn append(&self, records: Vec<Record>, waker: Option<&Waker>) -> u64 {
        // A second caller waits: no record may be on disk before the marks are gone.
        self.has_appended.call_once(|| {
            if self.store.marks().finished.is_some() {
                self.store.mark(Mark::Finished, None, None);
                self.store.mark(Mark::Taken, None, None);
            }
        });
        self.inputs
            .hand_over(|hashes| self.store.append_with(hashes, records, waker))
    }

    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn horizon(&self) -> &Horizon {
        &self.horizon
    }

    /// Notes the end of a task that ran no step.
    fn note_end(&self, id: TaskId, ordinal: u64, stage: Stage) {
        let record = Record {
            ordinal,
            id: id.0,
            stage,
        };
        self.append(vec![record], None);
    }

    fn has_committed(&self, position: u64) -> anyhow::Result<bool> {
        let committed = self.store.committed().map_err(error)?;
        Ok(committed >= position)
    }

    /// Waits until all up to this position is committed.
    pub(super) fn poll_committed_until(
        &self,
        position: u64,
        cx: &Context<'_>,
    ) -> Poll<anyhow::Result<()>> {
        match self.has_committed(position) {
            Ok(false) => {}
            committed => return Poll::Ready(committed.map(drop)),
        }
        // Asks to be woken by the next commit, which is after that position.
        self.store.append(Vec::new(), Some(cx.waker()));
        match self.has_committed(position) {
            Ok(false) => Poll::Pending,
            committed => Poll::Ready(committed.map(drop)),
        }
    }

    /// Tasks whose long delay ends in `(after, until]`: not those of an earlier run that were not admitted
    /// to this one so far.
    pub(super) fn due(
        &self,
        after: i64,
        until: i64,
        admitted: u64,
    ) -> anyhow::Result<Vec<Recalled<B>>> {
        let due = self.store.due(after, until).map_err(error)?;
        let known = self.store.ordinals();
        let is_admitted = |record: &Record| record.ordinal < admitted || record.ordinal >= known;
        let due = due.into_iter().filter(is_admitted);
        due.map(|record| record::recalled(record, &self.timeline))
            .collect()
    }
}

impl<B: Durable> Recorder<B> for Recording<B> {
    fn run_id(&self) -> Arc<str> {
        self.store.run().into()
    }

    fn begin(&self, way: Way) -> anyhow::Result<()> {
        let has_begun = self.begun.swap(true, Ordering::Relaxed);
        assert!(
            !has_begun,
            "a journal is of one run: open it again, or another one, for another run"
        );
        let marks = self.store.marks();
        let (mark, other) = match way {
            Way::Read => (Mark::Read, marks.sent),
            Way::Sent => (Mark::Sent, marks.read),
        };
        match way {
            Way::Read => anyhow::ensure!(
                other.is_none(),
                "the journal's tasks came by the channel door: go on by `resume` or `channel`"
            ),
            Way::Sent => anyhow::ensure!(
                other.is_none(),
                "the journal's tasks were read from an input: go on by the same door, with the same input"
            ),
        }
        // Marks are only written once, so that a run that is refused for its input writes nothing.
        let before = match way {
            Way::Read => marks.read,
            Way::Sent => marks.sent,
        };
        if before.is_none() {
            self.store.mark(mark, Some(self.clock.time_of_day()), None);
        }
        Ok(())
    }

    fn known(&self) -> u64 {
        self.store.ordinals()
    }

    fn fewest(&self) -> u64 {
        self.store.ordinals().max(self.inputs.known())
    }

    fn admitted(&self) {
        self.inputs.flush(&self.store);
    }

    fn recall(&self, ordinals: Range<u64>) -> anyhow::Result<Vec<Recalled<B>>> {
        let records = self.store.recall(ordinals).map_err(error)?;
        let retries = self.retry_failed && self.store.marks().sent.is_none();
        let is_wanted = |record: &Record| !(retries && record::has_failed(record));
        let wanted = records.into_iter().filter(is_wanted);
        wanted
            .map(|record| record::recalled(record, &self.timeline))
            .collect()
    }

    fn meet(
        &self,
        id: TaskId,
        ordinal: u64,
        input: Option<&B::Input>,
        has_ended: bool,
    ) -> anyhow::Result<Met<B>> {
        // A task that is read is admitted here. One that was sent has its hash since then.
        let is_read = input.is_some() && self.store.marks().sent.is_none();
        let hash = match input {
            Some(input) if is_read || self.ids.is_some() => Some(hash_of_input(
                id.0,
                &contained(|| B::encode_input(input))?.1,
            )),
            _ => None,
        };
        if let Some(hash) = hash
            && is_read
        {
            let admitted = self.inputs.admit(&self.store, ordinal, hash);
            admitted
                .map_err(error)?
                .map_err(|Differs| other_input(id, ordinal))?;
        }
        let Some(ids) = &self.ids else {
            return Ok(Met::Never);
        };
        let stored = match hash {
            Some(_) => None,
            None => self.inputs.stored(&self.store, ordinal).map_err(error)?,
        };
        Ok(match ids.meet(id.0, ordinal, hash, stored, has_ended) {
            Seen::Never => Met::Never,
            Seen::UnderWay => Met::UnderWay,
            Seen::Ended(end) => {
                self.note_end(id, ordinal, end.clone());
                Met::Ended(record::outcome::<B>(id, end, &self.timeline)?)
            }
            Seen::WithOther => {
                let refused = Err(refused::<B>(id));
                // Of a task that was read, what the journal has is to stay: it may be read rightly again.
                if self.store.marks().sent.is_some() {
                    self.note_end(id, ordinal, record::ended::<B>(&refused)?);
                }
                Met::Ended(refused)
            }
        })
    }

    fn settled(&self, result: &TaskResult<B::Output>) -> Vec<TaskResult<B::Output>> {
        let Some(ids) = &self.ids else {
            return Vec::new();
        };
        let TaskResult { id, ordinal, .. } = *result;
        let kind = result.outcome.as_ref().err().map(TaskError::kind);
        if kind == Some(TaskErrorKind::Refused) {
            return Vec::new();
        }
        let stays = kind != Some(TaskErrorKind::Cancelled);
        let end = record::ended::<B>(&result.outcome);
        let waiting = ids.ended(id.0, ordinal, end.as_ref().ok().filter(|_| stays));
        let results = waiting.into_iter().map(|ordinal| {
            if let Ok(end) = &end
                && stays
            {
                self.note_end(id, ordinal, end.clone());
            }
            let outcome = match (&result.outcome, &end) {
                (Err(error), _) => Err(error.copy()),
                (Ok(_), Ok(end)) => record::outcome::<B>(id, end.clone(), &self.timeline)
                    .unwrap_or_else(|error| Err(unreadable::<B>(&error))),
                (Ok(_), Err(error)) => Err(unreadable::<B>(error)),
            };
            TaskResult {
                id,
                ordinal,
                outcome,
                replayed: true,
            }
        });
        results.collect()
    }

    fn is_far(&self, wake: Wake) -> bool {
        self.horizon.is_far(wake)
    }

    fn now(&self) -> i64 {
        self.clock.now()
    }

    fn notebook(self: Arc<Self>) -> Box<dyn Notebook<B>> {
        Box::new(Page::new(self))
    }

    fn committed(&self) -> anyhow::Result<u64> {
        self.store.committed().map_err(error)
    }

    fn far(self: Arc<Self>) -> Box<dyn Far<B>> {
        Box::new(OnDisk::new(self))
    }

    fn taken(&self) {
        if self.store.marks().taken.is_some() && !self.has_appended.is_completed() {
            return;
        }
        self.store
            .mark(Mark::Taken, Some(self.clock.time_of_day()), None);
    }

    fn finished(&self) {
        // A run in which nothing ran was finished when it was.
        if self.store.marks().finished.is_some() && !self.has_appended.is_completed() {
            return;
        }
        self.store
            .mark(Mark::Finished, Some(self.clock.time_of_day()), None);
    }
}

impl<B: Durable> SendRecord<B::Input> for Recording<B> {
    fn record(&self, task: &Task<B::Input>, waker: &Waker) -> anyhow::Result<(u64, u64)> {
        let (step, json) = contained(|| B::encode_input(&task.input))?;
        let hash = hash_of_input(task.id.0, &json);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let ordinal = *next;
        let record = Record {
            ordinal,
            id: task.id.0,
            stage: Stage::Next {
                step: step.into(),
                attempt: 1,
                json,
                wake: None,
            },
        };
        // Under the lock, so that what is on disk after a crash has no gap.
        self.inputs.send(ordinal, hash);
        let position = self.append(vec![record], Some(waker));
        *next += 1;
        Ok((ordinal, position))
    }

    fn is_committed(&self, position: u64) -> anyhow::Result<bool> {
        self.has_committed(position)
    }

    fn poll_committed(&self, position: u64, cx: &mut Context<'_>) -> Poll<anyhow::Result<()>> {
        self.poll_committed_until(position, cx)
    }
}

/// Why a run stops whose input is not the one that the journal was begun with.
fn other_input(id: TaskId, ordinal: u64) -> anyhow::Error {
    anyhow::anyhow!(
        "the input has task {id} in place {ordinal} (from 0) with another value or id than the journal has: run with the input that the journal was begun with (a value with a `HashMap` or `HashSet` is another one in each process: use a `BTreeMap`)"
    )
}

/// The result of a task whose id was given before.
fn refused<B: Durable>(id: TaskId) -> TaskError {
    let why =
        anyhow::anyhow!("task {id} was given before, with another input: ids are to be unique");
    TaskError::new(
        B::STEPS[0].name(),
        0,
        StepFailure::new(TaskErrorKind::Refused, why),
    )
}

/// The result of a task that is to have another's, which can't be copied.
fn unreadable<B: Durable>(error: &anyhow::Error) -> TaskError {
    TaskError::new(B::STEPS[0].name(), 0, StepFailure::stopped(error))
}

/// The error of the store's as the engine passes it on.
pub(super) fn error(error: super::store::Error) -> anyhow::Error {
    JournalError::from(error).into()
}

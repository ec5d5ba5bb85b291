//! A run and its journal: [`Recording`].

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::JournalError;
use super::clock::Clock;
use super::horizon::{Horizon, OnDisk};
use super::notebook::Page;
use super::record;
use super::store::{Mark, Record, Stage, Store};
use super::unique::{Ids, Seen};
use crate::engine::{Far, Met, Notebook, Recalled, Recorder, SendRecord, Wake, Way, contained};
use crate::fnv::hash;
use crate::{Durable, StepFailure, Task, TaskError, TaskErrorKind, TaskId, TaskResult};

/// A run and its journal.
pub(super) struct Recording<B> {
    store: Store,
    clock: Clock,
    horizon: Horizon,
    /// Whether tasks that failed run again.
    retry_failed: bool,
    /// Set where ids are unique.
    ids: Option<Ids>,
    begun: AtomicBool,
    has_appended: AtomicBool,
    /// The ordinal of the next task that is sent.
    next: Mutex<u64>,
    blueprint: PhantomData<fn() -> B>,
}

impl<B: Durable> Recording<B> {
    pub(super) fn new(store: Store, clock: Clock, retry_failed: bool, unique_ids: bool) -> Self {
        Self {
            next: Mutex::new(store.ordinals()),
            store,
            clock,
            horizon: Horizon::new(clock.now()),
            retry_failed,
            ids: unique_ids.then(Ids::default),
            begun: AtomicBool::new(false),
            has_appended: AtomicBool::new(false),
            blueprint: PhantomData,
        }
    }

    /// The hash of a task's input, to be stored with what it comes to.
    pub(super) fn hash_of(&self, id: u64) -> Option<u64> {
        self.ids.as_ref()?.hash(id)
    }

    /// Hands records over for the next commit. Gives their position.
    pub(super) fn append(&self, records: Vec<Record>, waker: Option<&Waker>) -> u64 {
        if !self.has_appended.swap(true, Ordering::Relaxed) && self.store.marks().finished.is_some()
        {
            self.store.mark(Mark::Finished, None, None);
            self.store.mark(Mark::Taken, None, None);
        }
        self.store.append(records, waker)
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn horizon(&self) -> &Horizon {
        &self.horizon
    }

    /// Notes the end of a task that ran no step.
    fn note_end(&self, id: TaskId, ordinal: u64, stage: Stage, hash: Option<u64>) {
        let record = Record {
            ordinal,
            id: id.0,
            stage,
            hash,
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
        due.map(record::recalled).collect()
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
        // A journal that is to be refused for its input is left as it is, as long as that can be.
        let before = match way {
            Way::Read => marks.read,
            Way::Sent => marks.sent,
        };
        if before.is_none() {
            self.store.mark(mark, Some(self.clock.now()), None);
        }
        Ok(())
    }

    fn known(&self) -> u64 {
        self.store.ordinals()
    }

    fn recall(&self, ordinals: Range<u64>) -> anyhow::Result<Vec<Recalled<B>>> {
        let records = self.store.recall(ordinals).map_err(error)?;
        let retries = self.retry_failed && self.store.marks().sent.is_none();
        let is_wanted = |record: &Record| !(retries && record::has_failed(record));
        let wanted = records.into_iter().filter(is_wanted);
        wanted.map(record::recalled).collect()
    }

    fn meet(
        &self,
        id: TaskId,
        ordinal: u64,
        input: Option<&B::Input>,
        stored: Option<u64>,
        has_ended: bool,
    ) -> anyhow::Result<Met<B>> {
        let Some(ids) = &self.ids else {
            return Ok(Met::Never);
        };
        let hash = match input {
            Some(input) => Some(hash(&contained(|| B::encode_input(input))?.1)),
            None => None,
        };
        Ok(match ids.meet(id.0, ordinal, hash, stored, has_ended) {
            Seen::Never => Met::Never,
            Seen::UnderWay => Met::UnderWay,
            Seen::Ended(end) => {
                self.note_end(id, ordinal, end.clone(), hash);
                Met::Ended(record::outcome::<B>(id, end)?)
            }
            Seen::WithOther => {
                let refused = Err(refused::<B>(id));
                // Of a task that was read, what the journal has is to stay: it may be read rightly again.
                if self.store.marks().sent.is_some() {
                    self.note_end(id, ordinal, record::ended::<B>(&refused)?, stored);
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
                self.note_end(id, ordinal, end.clone(), ids.hash(id.0));
            }
            let outcome = match (&result.outcome, &end) {
                (Err(error), _) => Err(error.copy()),
                (Ok(_), Ok(end)) => record::outcome::<B>(id, end.clone())
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

    fn is_far(&self, ordinal: u64, wake: Wake) -> bool {
        self.horizon.is_far(ordinal, wake, self.clock.now())
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
        if self.store.marks().taken.is_some() && !self.has_appended.load(Ordering::Relaxed) {
            return;
        }
        self.store.mark(Mark::Taken, Some(self.clock.now()), None);
    }

    fn finished(&self) {
        // A run in which nothing ran was finished when it was.
        if self.store.marks().finished.is_some() && !self.has_appended.load(Ordering::Relaxed) {
            return;
        }
        self.store
            .mark(Mark::Finished, Some(self.clock.now()), None);
    }
}

impl<B: Durable> SendRecord<B::Input> for Recording<B> {
    fn record(&self, task: &Task<B::Input>, waker: &Waker) -> anyhow::Result<(u64, u64)> {
        let (step, json) = contained(|| B::encode_input(&task.input))?;
        let hash = self.ids.is_some().then(|| hash(&json));
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let ordinal = *next;
        let record = Record {
            ordinal,
            id: task.id.0,
            stage: Stage::Stands {
                step: step.into(),
                json,
                wake: None,
            },
            hash,
        };
        // Under the lock, so that what is on disk after a crash has no gap.
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

//! What a durable run is recorded by, as the engine sees it: [`Recorder`] and its parts.
//!
//! ```text
//! worker ─ note ─▶ Notebook ─ page ─▶ the journal ─ committed ─▶ worker
//! admission ◀─ recall, due ─ the journal
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::{Blueprint, Task, TaskError, TaskId, TaskResult};

/// Where a run is recorded, so that another process can go on with it.
pub(crate) trait Recorder<B: Blueprint>: SendRecord<B::Input> + 'static {
    /// The run's name: the same in every process that goes on with it.
    fn run_id(&self) -> Arc<str>;

    /// A run begins, with tasks that come this way.
    ///
    /// # Errors
    ///
    /// If they came another way before.
    ///
    /// # Panics
    ///
    /// If one has begun before: it is the record of one run.
    fn begin(&self, way: Way) -> anyhow::Result<()>;

    /// One more than the highest ordinal that was known when the run was opened.
    fn known(&self) -> u64;

    /// What was known then of the tasks of these ordinals, in order of ordinal.
    fn recall(&self, ordinals: Range<u64>) -> anyhow::Result<Vec<Recalled<B>>>;

    /// The fewest tasks that an input has which is read again.
    fn fewest(&self) -> u64;

    /// Admits the task of this ordinal. `input` is given if it is at hand. One that `has_ended` by its own record keeps that
    /// end.
    ///
    /// # Errors
    ///
    /// If the input can't be serialized, or is not the one that the task had before.
    fn meet(
        &self,
        id: TaskId,
        ordinal: u64,
        input: Option<&B::Input>,
        has_ended: bool,
    ) -> anyhow::Result<Met<B>>;

    /// The tasks that were met so far are about to begin.
    fn admitted(&self);

    /// A task has this result. Gives those of the tasks that are to have the same.
    fn settled(&self, result: &TaskResult<B::Output>) -> Vec<TaskResult<B::Output>>;

    /// Whether a recalled delay ends so late that the task is left where it is recorded, for [`Far`] to
    /// bring back.
    fn is_far(&self, wake: Wake) -> bool;

    /// The run's time, in milliseconds.
    fn now(&self) -> i64;

    /// For one worker to write into.
    fn notebook(self: Arc<Self>) -> Box<dyn Notebook<B>>;

    /// Up to which position all is committed; the error that broke the journal if nothing more will
    /// be.
    fn committed(&self) -> anyhow::Result<u64>;

    /// The delays that end late.
    fn far(self: Arc<Self>) -> Box<dyn Far<B>>;

    /// No more tasks will come.
    fn taken(&self);

    /// Every task has ended, and no more will come.
    fn finished(&self);
}

/// Records tasks as they are sent.
pub(crate) trait SendRecord<I>: Send + Sync {
    /// Gives the task its ordinal and appends its input; `waker` is woken when that is committed, or never
    /// will be. Gives the ordinal, and the position.
    fn record(&self, task: &Task<I>, waker: &Waker) -> anyhow::Result<(u64, u64)>;

    /// Whether all up to this position is committed.
    fn is_committed(&self, position: u64) -> anyhow::Result<bool>;

    /// Waits until all up to this position is committed.
    fn poll_committed(&self, position: u64, cx: &mut Context<'_>) -> Poll<anyhow::Result<()>>;
}

/// Whether a task of an id was met before.
#[cfg_attr(
    not(feature = "journal"),
    expect(dead_code, reason = "nobody is met where nothing is recorded")
)]
pub(crate) enum Met<B: Blueprint> {
    /// It was not, or ids need not be unique.
    Never,
    /// It was, and is to have this result.
    Ended(Result<B::Output, TaskError>),
    /// It was, and is to have the result that the earlier one will have.
    UnderWay,
}

/// How a run's tasks come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They can be read again.
    Read,
    /// They are sent, and recorded as they are.
    Sent,
}

/// One worker's part of the record.
pub(crate) trait Notebook<B: Blueprint>: Send {
    /// Notes the state of a task that waits for its next step, the number of its next attempt at that, and how long it
    /// waits. Returns when that ends, in the run's time, if it is long enough for the task to wait on disk.
    fn waits(
        &mut self,
        id: TaskId,
        ordinal: u64,
        state: &B::State,
        attempt: u32,
        pause: Duration,
    ) -> anyhow::Result<Option<i64>>;

    /// Notes how a task ended.
    fn ended(&mut self, result: &TaskResult<B::Output>) -> anyhow::Result<()>;

    /// Hands over what was noted; `waker` is woken when it is committed, or never will be.
    fn turn_page(&mut self, waker: &Waker) -> Turned;
}

/// A page that was handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turned {
    /// It is committed when [`Recorder::committed`] gives that or more.
    pub(crate) position: u64,
    /// Those of its tasks whose delay ends then or later are brought back by [`Far`].
    pub(crate) horizon: i64,
}

/// Tasks whose delay ends late: they are on disk, and nowhere else.
pub(crate) trait Far<B: Blueprint>: Send {
    /// Tasks whose delay ends soon: not those that were known and have an ordinal of `admitted` or more.
    /// With `all`, all that there are: none is left on disk from then on.
    fn poll_due(
        &mut self,
        admitted: u64,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<anyhow::Result<Vec<Recalled<B>>>>;
}

/// What is known of a task.
pub(crate) struct Recalled<B: Blueprint> {
    pub(crate) id: TaskId,
    pub(crate) ordinal: u64,
    pub(crate) known: Known<B>,
}

/// How far a task was known to have come.
#[cfg_attr(
    not(feature = "journal"),
    expect(dead_code, reason = "nothing is known where nothing is recorded")
)]
pub(crate) enum Known<B: Blueprint> {
    /// It waits for its next step, maybe until a time.
    Waits {
        state: B::State,
        /// The number of the next attempt at the step, from 1.
        attempt: u32,
        wake: Option<Wake>,
    },
    /// It has ended.
    Ended(Result<B::Output, TaskError>),
}

/// When a delay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    /// In the run's time, in milliseconds.
    pub(crate) due: i64,
    /// Whether it was long enough for the task to wait on disk.
    pub(crate) is_far: bool,
}

impl Wake {
    /// Returns the rest of the delay.
    pub(crate) fn left(self, now: i64) -> Duration {
        let left = u64::try_from(self.due.saturating_sub(now)).unwrap_or(0);
        Duration::from_millis(left)
    }
}

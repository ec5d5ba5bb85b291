//! The way to a durable run: [`Journal`].

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::JournalError;
use super::clock::Clock;
use super::recording::{Recording, Settings};
use super::status::time;
use super::store::{self, Commits, Identity, Opening};
use crate::engine::run_id;
use crate::{Blueprint, Durable, Orchestrator, TaskResults};

/// A file that a run is kept in, so that another process can resume it.
///
/// See the [module](crate::journal) for what it guarantees.
pub struct Journal {
    opening: Opening,
    facts: Vec<(String, String)>,
    commits: Commits,
    clock: Clock,
    retry_failed: bool,
    unique_ids: bool,
    accepts_changed_inputs: bool,
}

impl Journal {
    /// The journal at this path, or a new one.
    ///
    /// It is locked until the run is over, and the orchestrator and every [`TaskSender`](crate::TaskSender) are dropped. On
    /// Linux this is a lock of the file itself, by whichever name it is opened; elsewhere it is a lock of `PATH.lock`, a file
    /// that stays. Nothing is written as yet: a new journal is made, and locked, by [`Orchestrator::journal`], and one that is
    /// there is written when there is something to record.
    ///
    /// # Errors
    ///
    /// If there is something else than a journal, or one of another format; if it is in use; if it is damaged, or the
    /// write-ahead log that belongs to it is missing; if it is on a network file system (noticed on Linux). Its bytes are
    /// as they were then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Ok(Self {
            opening: Opening::new(path.as_ref())?,
            facts: Vec::new(),
            commits: Commits::OnAThread,
            clock: Clock::system(),
            retry_failed: false,
            unique_ids: false,
            accepts_changed_inputs: false,
        })
    }

    /// Deletes the journal at this path with its write-ahead log. Returns `false` if nothing is there. A journal that is
    /// [damaged](JournalError::is_damaged) is deleted, too, if it can be recognised as one.
    ///
    /// # Errors
    ///
    /// If there is something else than a journal, or if the journal is in use; nothing was deleted then. If the files can't be
    /// removed.
    pub fn delete(path: impl AsRef<Path>) -> Result<bool, JournalError> {
        Ok(store::delete(path.as_ref())?)
    }

    /// Whether there is no run in it so far.
    pub fn is_new(&self) -> bool {
        self.opening.identity().is_none()
    }

    /// When the run in it was finished, if it was.
    pub fn finished(&self) -> Option<SystemTime> {
        self.opening.marks().finished.map(time)
    }

    /// A value that must be the same whenever the run is resumed, such as a setting:
    /// the journal is refused where it is not. Values are stored as they are, so no secrets. Of two with one
    /// name the later one counts.
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.facts.retain(|(other, _)| *other != name);
        self.facts.push((name, value.into()));
        self
    }

    /// Tasks that failed before run again, from their first step; those that completed do not.
    ///
    /// For the doors whose input is read again; of a task that was sent only its last state is kept, so it
    /// stays failed.
    pub fn retry_failed(mut self) -> Self {
        self.retry_failed = true;
        self
    }

    /// A task whose id was given before is the same task: it gets the first one's result
    /// ([marked](crate::TaskResult::replayed)) and runs no step. With another input it fails, as
    /// [`Refused`](crate::TaskErrorKind::Refused).
    ///
    /// For who sends a task again because nobody knows whether it was sent. It costs the memory of each
    /// task's id and result, for as long as the run is open; say it from the run's first process on.
    pub fn unique_ids(mut self) -> Self {
        self.unique_ids = true;
        self
    }

    /// Inputs may differ from those that the run was begun with; their ids may not.
    ///
    /// Otherwise a run whose input is read again stops at the first task with another input than before, by a hash of its JSON. Set
    /// this if that JSON has changed with the code, such as by a new field. Records stay as they are: only a
    /// task that has no record yet runs with the new input. Its first step may have been executing with the old one when the
    /// earlier process ended, under the same [idempotency key](crate::StepContext::idempotency_key).
    pub fn accept_changed_inputs(mut self) -> Self {
        self.accepts_changed_inputs = true;
        self
    }

    /// Sets the time of day; the system's unless set. From there it advances with tokio's clock.
    pub fn at(mut self, now: SystemTime) -> Self {
        self.clock = Clock::given(now);
        self
    }

    /// Commits are made by the worker, and not on a thread of their own.
    ///
    /// For tests with a paused clock: while nothing but that thread is at work, tokio would let the time
    /// jump.
    pub fn inline(mut self) -> Self {
        self.commits = Commits::Inline;
        self
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("is_new", &self.is_new())
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl<B: Blueprint> Orchestrator<B> {
    /// Keeps the run in this journal, and resumes it from there.
    ///
    /// The blueprint has to be [`Durable`]: its input, its output and the types between its steps are stored.
    ///
    /// A journal is of one run: an orchestrator that has one opens one door, once.
    ///
    /// # Errors
    ///
    /// If the journal is of another blueprint, or one with another [fact](Journal::fact), or with tasks at
    /// steps that this one does not have; it is as it was then. If a new one can't be made.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with a timer, where the clock is paused.
    pub fn journal(self, journal: Journal) -> Result<Self, JournalError>
    where
        B: Durable,
    {
        let steps = B::STEPS.iter().map(|step| step.name().to_owned());
        let identity = Identity {
            blueprint: B::NAME.to_owned(),
            steps: steps.chain([END.to_owned()]).collect(),
            facts: journal.facts,
        };
        let clock = journal.clock;
        let store = journal
            .opening
            .begin(&identity, run_id, journal.commits, clock.reading())?;
        let settings = Settings {
            retry_failed: journal.retry_failed,
            unique_ids: journal.unique_ids,
            accepts_changed_inputs: journal.accepts_changed_inputs,
        };
        let recording = Arc::new(Recording::<B>::new(store, clock, settings));
        Ok(self.recorded_by(recording))
    }

    /// Resumes the tasks that were sent to an earlier run of this journal, until all have ended.
    ///
    /// Results that an earlier run had come again, [marked](crate::TaskResult::replayed). To send more,
    /// open the [`channel`](Orchestrator::channel): there, too, the earlier tasks come first.
    ///
    /// # Panics
    ///
    /// If the orchestrator has no journal, or outside a tokio runtime.
    pub fn resume(&self) -> TaskResults<B::Output> {
        assert!(
            self.has_journal(),
            "without a journal there is nothing to resume"
        );
        let (_, results) = self.channel(1);
        results
    }
}

/// The name that a state after a last delay is stored under, by the attribute.
const END: &str = "$end";

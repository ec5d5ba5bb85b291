//! The state that the store and its writer share: [`Shared`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use super::error::Error;
use super::far::Timeline;
use super::folded::Folded;
use super::lock::WriterLock;
use super::newest::Newest;
use super::queue::Queue;
use super::touched::Touched;

/// The state that the store and its writer share.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    pub(super) queue: Queue,
    committed: AtomicU64,
    broken: OnceLock<Error>,
    pub(super) lock: WriterLock,
    pub(super) timeline: Timeline,
    tables: RwLock<Tables>,
    touched: Mutex<Touched>,
    marks: Mutex<Marks>,
}

/// Which rows the tables have. Its lock is held while the tables are read, so that the log is not folded between two
/// reads.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// For each task in the log at opening, its newest row. Empty once the log has been folded.
    pub(super) newest: Newest,
    /// The rows of `task`.
    pub(super) folded: Folded,
}

/// A mark on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The side that sends tasks has ended: all of them are in the journal.
    Taken,
    /// All of its tasks have ended.
    Finished,
    /// Its tasks are read from outside, and can be read again.
    Read,
    /// Its tasks were sent, and are in the journal alone.
    Sent,
}

/// The marks that a run has, with their times in unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) taken: Option<i64>,
    pub(crate) finished: Option<i64>,
    pub(crate) read: Option<i64>,
    pub(crate) sent: Option<i64>,
}

impl Marks {
    pub(super) fn set(&mut self, mark: Mark, at: Option<i64>) {
        match mark {
            Mark::Taken => self.taken = at,
            Mark::Finished => self.finished = at,
            Mark::Read => self.read = at,
            Mark::Sent => self.sent = at,
        }
    }
}

impl Shared {
    pub(super) fn new(
        path: &Path,
        lock: WriterLock,
        timeline: Timeline,
        tables: Tables,
        touched: Touched,
        marks: Marks,
    ) -> Self {
        Self {
            path: path.to_owned(),
            queue: Queue::default(),
            committed: AtomicU64::new(0),
            broken: OnceLock::new(),
            lock,
            timeline,
            tables: RwLock::new(tables),
            touched: Mutex::new(touched),
            marks: Mutex::new(marks),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn committed(&self) -> Result<u64, Error> {
        match self.broken.get() {
            Some(error) => Err(error.clone()),
            None => Ok(self.committed.load(Ordering::Acquire)),
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.get().is_some()
    }

    /// All up to this position is on disk.
    pub(super) fn publish(&self, position: u64) {
        self.committed.store(position, Ordering::Release);
    }

    /// Nothing more gets on disk. The first reason stays.
    pub(super) fn break_off(&self, error: Error) {
        let _ = self.broken.set(error);
    }

    // None of these locks is held where a panic leaves something half done that matters: a writer
    // that panics breaks the journal.

    pub(super) fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tables_mut(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn touched(&self) -> MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

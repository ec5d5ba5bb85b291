//! The queue of records for the next commits: [`Queue`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::checksum::Sealed;
use super::shared::Mark;

/// The records of one commit, about: what is appended at once is not divided.
const BATCH: u64 = 10_000;

/// The bytes of one commit, about.
const BATCH_BYTES: usize = 8 << 20;

/// One write to the journal.
#[derive(Debug)]
pub(super) enum Entry {
    Records(Vec<Sealed>),
    /// The hashes of the inputs of the next tasks.
    Inputs(Vec<u128>),
    /// The hashes of inputs that have changed, with their ordinals.
    ChangedInputs(Vec<(u64, u128)>),
    Mark(Mark, Option<i64>),
}

impl Entry {
    /// By how much it moves the position on.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Records(records) => records.len() as u64,
            Self::Inputs(_) | Self::ChangedInputs(_) | Self::Mark(..) => 1,
        }
    }

    /// Its records, if it has any.
    pub(super) fn records(&self) -> &[Sealed] {
        match self {
            Self::Records(records) => records,
            Self::Inputs(_) | Self::ChangedInputs(_) | Self::Mark(..) => &[],
        }
    }

    fn bytes(&self) -> usize {
        let text = |sealed: &Sealed| sealed.record.stage.columns().text.len();
        self.records().iter().map(text).sum()
    }
}

/// Entries in the order in which they are committed.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<(Entry, Option<Waker>)>,
    /// The position of the last entry.
    position: u64,
    closed: bool,
}

/// The entries of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) wakers: Vec<Waker>,
    count: u64,
    bytes: usize,
}

impl Queue {
    /// Puts entries at the end, one after the other, and returns the position of the last one. `waker` is woken when that is
    /// committed.
    pub(super) fn push(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        waker: Option<&Waker>,
    ) -> u64 {
        let mut waiting = self.lock();
        // Where there were others, the writer is awake or has been told.
        let was_empty = waiting.entries.is_empty();
        for entry in entries {
            waiting.position += entry.count();
            waiting.entries.push_back((entry, None));
        }
        if let Some((_, last)) = waiting.entries.back_mut() {
            *last = waker.cloned();
        }
        let position = waiting.position;
        drop(waiting);
        if was_empty {
            self.filled.notify_one();
        }
        position
    }

    /// Takes the next batch to disk, and waits for one. None when the queue is empty and closed.
    pub(super) fn next(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        while waiting.entries.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(waiting.take())
    }

    /// The next batch, if there is one.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        (!waiting.entries.is_empty()).then(|| waiting.take())
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        while batch.count < BATCH && batch.bytes < BATCH_BYTES {
            let Some((entry, waker)) = self.entries.pop_front() else {
                break;
            };
            batch.count += entry.count();
            batch.bytes += entry.bytes();
            batch.entries.push(entry);
            // One task of the runtime appends again and again: it is woken once.
            if let Some(waker) = waker
                && !batch
                    .wakers
                    .iter()
                    .rev()
                    .take(4)
                    .any(|other| other.will_wake(&waker))
            {
                batch.wakers.push(waker);
            }
        }
        batch
    }
}

impl Batch {
    /// By how much it moves the position on.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

//! The journal's file: the newest record of every task, in `SQLite`.
//!
//! Records are appended to `log` by one writer, in transactions of as many as are waiting. When the
//! log has grown long it is folded into `task`, which is keyed by ordinal, and emptied. Records from before opening
//! are read from both.
//!
//! Each record has a checksum, and each commit writes a summary that the tables must agree with. A file that is damaged, or
//! whose write-ahead log is missing or of another time, is refused.

mod checkpoint;
mod checksum;
mod commit;
mod compact;
mod delete;
mod error;
mod far;
mod files;
mod folded;
mod identity;
mod inputs;
mod lock;
mod look;
mod network;
mod newest;
mod opening;
mod presence;
mod queue;
mod reader;
mod record;
mod rows;
mod schema;
mod shared;
mod status;
mod summary;
#[cfg(test)]
mod tests;
mod touched;
mod unchanged;
mod wal;
mod writer;

use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

pub(crate) use self::{
    checksum::input as hash_of_input,
    delete::delete,
    error::Error,
    far::{FAR, SLICE, Timeline},
    identity::Identity,
    opening::{ClockReading, Commits, Opening},
    record::{FailureKind, Record, Stage, Wake},
    shared::{Mark, Marks},
    status::status,
};

#[cfg(test)]
use self::{
    error::Kind,
    status::{Failure, Status, StepStatus},
};

use self::checksum::Sealed;
use self::queue::Entry;
use self::reader::Reader;
use self::shared::Shared;
use self::writer::Hand;

/// Hashes of inputs for the next commit.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// Of the next tasks that have none, in order of ordinal.
    pub(crate) new: Vec<u128>,
    /// Of tasks that have another one, with their ordinals.
    pub(crate) changed: Vec<(u64, u128)>,
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    /// The connection that reads; none once the journal is closed.
    reader: Option<Reader>,
    /// The writing side; `None` once the journal is closed.
    hand: Option<Hand>,
    ordinals: u64,
    inputs: u64,
    run: String,
}

impl Store {
    /// Hands records over for the next commit. Never waits for the disk, but where commits are
    /// inline.
    ///
    /// `waker` is woken when they are on disk, or the journal has broken. Returns their position:
    /// they are on disk when [`Store::committed`] gives that or more.
    pub(crate) fn append(&self, records: Vec<Record>, waker: Option<&Waker>) -> u64 {
        self.append_with(Hashes::default(), records, waker)
    }

    /// As [`Store::append`], and with the records, or before them, the hashes of inputs.
    pub(crate) fn append_with(
        &self,
        hashes: Hashes,
        records: Vec<Record>,
        waker: Option<&Waker>,
    ) -> u64 {
        let new = (!hashes.new.is_empty()).then_some(Entry::Inputs(hashes.new));
        let changed = (!hashes.changed.is_empty()).then_some(Entry::ChangedInputs(hashes.changed));
        let sealed = records.into_iter().map(Sealed::from).collect();
        let entries = new.into_iter().chain(changed);
        self.hand_over(entries.chain([Entry::Records(sealed)]), waker)
    }

    /// Sets a mark of the run to a time (unix milliseconds), or takes it away. It has a position
    /// like a record.
    pub(crate) fn mark(&self, mark: Mark, at: Option<i64>, waker: Option<&Waker>) -> u64 {
        self.shared.marks().set(mark, at);
        self.hand_over([Entry::Mark(mark, at)], waker)
    }

    /// The marks that the run has, whether or not they are on disk yet.
    pub(crate) fn marks(&self) -> Marks {
        *self.shared.marks()
    }

    /// Up to which position all is on disk.
    ///
    /// # Errors
    ///
    /// The error that broke the journal, from the commit that failed onwards.
    pub(crate) fn committed(&self) -> Result<u64, Error> {
        self.shared.committed()
    }

    /// One more than the highest ordinal that had a record at opening. 0 for a new journal.
    pub(crate) fn ordinals(&self) -> u64 {
        self.ordinals
    }

    /// Of how many tasks, from the first on, the hash of the input was known at opening.
    pub(crate) fn inputs(&self) -> u64 {
        self.inputs
    }

    /// The run's time.
    pub(crate) fn timeline(&self) -> Timeline {
        self.shared.timeline.clone()
    }

    /// The name of the run, which it was given when the journal was made.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The newest records of the tasks in a range of ordinals, in order of ordinal, as of opening.
    ///
    /// Of an ordinal that this process has appended to it may give what it was before.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub(crate) fn recall(&self, range: Range<u64>) -> Result<Vec<Record>, Error> {
        match &self.reader {
            Some(reader) => reader.recall(&self.shared, &range),
            None => Ok(Vec::new()),
        }
    }

    /// The hashes of the inputs of these ordinals, all of which were known at opening.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is damaged.
    pub(crate) fn recall_inputs(&self, range: Range<u64>) -> Result<Vec<u128>, Error> {
        match &self.reader {
            Some(reader) => reader.inputs(&self.shared, range),
            None => Ok(Vec::new()),
        }
    }

    /// The records whose delay was longer than [`FAR`] when it began and ends in a [`SLICE`] of `[after, until)` (by the
    /// run's time), in order of that, which are the newest of their tasks. Of those on disk.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub(crate) fn due(&self, after: i64, until: i64) -> Result<Vec<Record>, Error> {
        match &self.reader {
            Some(reader) => reader.due(&self.shared, after, until),
            None => Ok(Vec::new()),
        }
    }

    /// Commits what was appended and lets go of the journal. Dropping the store does the same, and
    /// keeps the error to itself.
    ///
    /// # Errors
    ///
    /// If not all that was appended is on disk.
    #[allow(
        dead_code,
        reason = "for tests and benches, which look at the file afterwards"
    )]
    pub(crate) fn close(mut self) -> Result<(), Error> {
        self.shut();
        self.shared.committed().map(drop)
    }

    fn hand_over(&self, entries: impl IntoIterator<Item = Entry>, waker: Option<&Waker>) -> u64 {
        match &self.hand {
            Some(hand) => hand.take(&self.shared, entries, waker),
            None => 0,
        }
    }

    fn shut(&mut self) {
        // The connection that is closed last deletes the write-ahead log, which one that only reads
        // can't.
        self.reader = None;
        if let Some(hand) = self.hand.take() {
            hand.close(&self.shared);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shut();
    }
}

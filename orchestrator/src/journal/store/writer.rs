//! Who commits: a thread, or whoever appends: [`Hand`].

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};

use super::commit::Pen;
use super::compact::Compaction;
use super::error::{At as _, Error, Kind};
use super::queue::{Batch, Entry};
use super::shared::Shared;

/// What writes the queue to disk.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) pen: Pen,
    pub(super) compaction: Compaction,
    /// How much it has committed.
    pub(super) position: u64,
}

/// Where the writer is.
#[derive(Debug)]
pub(super) enum Hand {
    Thread(JoinHandle<()>),
    Inline(Box<Mutex<Writer>>),
}

impl Writer {
    pub(super) fn on_a_thread(self, shared: &Arc<Shared>) -> std::io::Result<Hand> {
        let shared = Arc::clone(shared);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || self.run(&shared))
            .map(Hand::Thread)
    }

    pub(super) fn inline(self) -> Hand {
        Hand::Inline(Box::new(Mutex::new(self)))
    }

    fn run(mut self, shared: &Shared) {
        let _guard = BreaksOnPanic(shared);
        while let Some(batch) = shared.queue.next() {
            self.commit(batch, shared);
        }
        self.finish(shared);
    }

    /// Commits a batch, unless the journal has broken, and wakes who waits for it.
    fn commit(&mut self, batch: Batch, shared: &Shared) {
        if !shared.is_broken() {
            match self.pen.commit(&batch.entries, shared) {
                Ok(()) => {
                    self.position += batch.count();
                    shared.publish(self.position);
                }
                Err(error) => shared.break_off(error_of(shared, "a commit", error)),
            }
        }
        for waker in batch.wakers {
            waker.wake();
        }
        if !shared.is_broken()
            && let Err(error) = self.compaction.if_long(&mut self.pen, shared)
        {
            shared.break_off(error_of(shared, "compacting the log", error));
        }
    }

    /// All that was appended is on disk, or the journal has broken.
    fn finish(mut self, shared: &Shared) {
        if !shared.is_broken() {
            // What goes wrong here loses nothing: all is in the file and in its write-ahead log,
            // and the next opening goes on from these.
            if shared.marks().finished.is_some() {
                let _ = self.compaction.at_the_end(&mut self.pen, shared);
            }
            let _ = checkpoint(&self.pen);
        }
    }
}

fn checkpoint(pen: &Pen) -> rusqlite::Result<()> {
    pen.connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn error_of(shared: &Shared, doing: &'static str, error: rusqlite::Error) -> Error {
    match Err::<(), _>(error).at(shared.path(), doing) {
        Err(error) => error,
        Ok(()) => Error::new(shared.path(), Kind::WriterGone),
    }
}

impl Hand {
    /// Takes an entry for the next commit, or commits it.
    pub(super) fn take(&self, shared: &Shared, entry: Entry, waker: Option<&Waker>) -> u64 {
        match self {
            Self::Thread(_) => {
                let position = shared.queue.push(entry, waker);
                // A thread that has panicked takes nothing from the queue.
                if shared.is_broken() {
                    drain(shared);
                }
                position
            }
            Self::Inline(writer) => {
                // In order of position: pushed and committed under the one lock.
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let position = shared.queue.push(entry, waker);
                while let Some(batch) = shared.queue.take() {
                    writer.commit(batch, shared);
                }
                position
            }
        }
    }

    pub(super) fn close(self, shared: &Shared) {
        match self {
            Self::Thread(thread) => {
                shared.queue.close();
                // Its panic has broken the journal, which is how it is told.
                let _ = thread.join();
            }
            Self::Inline(writer) => writer
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .finish(shared),
        }
    }
}

/// Wakes those who wait for what will not be committed.
fn drain(shared: &Shared) {
    while let Some(batch) = shared.queue.take() {
        for waker in batch.wakers {
            waker.wake();
        }
    }
}

/// Breaks the journal if its thread panics: what is appended then would wait for ever.
struct BreaksOnPanic<'a>(&'a Shared);

impl Drop for BreaksOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0
                .break_off(Error::new(self.0.path(), Kind::WriterGone));
            drain(self.0);
        }
    }
}

//! Commits, on a thread or where records are appended: [`Hand`].

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};

use super::commit::Pen;
use super::compact::{Compaction, fold, give_back_room};
use super::error::{Error, Kind, kind_of};
use super::files;
use super::presence::Presence;
use super::queue::{Batch, Entry};
use super::shared::Shared;

/// Writes the queue to disk.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) pen: Pen,
    pub(super) compaction: Compaction,
    pub(super) checkpoint_pages: u64,
    pub(super) presence: Presence,
    /// A log is warned of that has this many pages which could not be copied into the main file.
    pub(super) warned_at: i64,
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
        // An empty batch only asks to be woken after those before it.
        if !shared.is_broken() && batch.count() > 0 {
            let committed = self
                .begin(shared)
                .and_then(|()| self.pen.commit(&batch.entries, shared))
                .map_err(|error| error_of(shared, "a commit", error))
                // A commit to files that nobody will find is not on disk.
                .and_then(|()| self.presence.check(&shared.lock, shared.path()));
            match committed {
                Ok(()) => {
                    self.position += batch.count();
                    shared.publish(self.position);
                }
                Err(error) => shared.break_off(error),
            }
        }
        for waker in batch.wakers {
            waker.wake();
        }
        if !shared.is_broken()
            && let Err(error) = self.tidy_up(shared)
        {
            shared.break_off(error_of(shared, "compacting the log", error));
        }
    }

    /// Readies the file for the first commit.
    fn begin(&mut self, shared: &Shared) -> rusqlite::Result<()> {
        if !self.pen.has_written() {
            self.pen.begin()?;
            self.presence.note(&shared.lock, shared.path());
        }
        Ok(())
    }

    /// Folds a log that is long, and checkpoints a write-ahead log that is.
    fn tidy_up(&mut self, shared: &Shared) -> rusqlite::Result<()> {
        let has_folded = self.compaction.if_long(&mut self.pen, shared)?;
        if has_folded || self.pen.pages >= self.checkpoint_pages {
            self.pen.checkpoint(|_| Ok(()))?;
            self.presence.note(&shared.lock, shared.path());
            self.warn_of_a_reader(shared);
        }
        Ok(())
    }

    /// Warns, each time that the log has doubled, of a reader that keeps it from being copied into the main file.
    fn warn_of_a_reader(&mut self, shared: &Shared) {
        let held = self.pen.summary.held_pages;
        if held < self.warned_at {
            return;
        }
        self.warned_at = held.saturating_mul(2);
        tracing::warn!(
            "the write-ahead log of the journal {} has grown to {} MB: another program has been reading the journal in one \
             transaction; end that, or the log grows further",
            shared.path().display(),
            held * 4_096 / 1_000_000,
        );
    }

    /// Makes the file of a finished run as small as it gets.
    fn compact(&mut self, shared: &Shared) -> rusqlite::Result<()> {
        if self.pen.summary.log_rows > 0 {
            self.begin(shared)?;
            fold(&mut self.pen, shared)?;
        }
        give_back_room(&self.pen.connection)
    }

    /// All that was appended is on disk, or the journal has broken.
    fn finish(mut self, shared: &Shared) {
        if !shared.is_broken() {
            // A failure here loses nothing: all is in the file and in its write-ahead log,
            // and the next opening continues from these.
            if shared.marks().finished.is_some() {
                let _ = self.compact(shared);
            }
            let _ = if self.pen.has_written() {
                self.pen.checkpoint_all()
            } else if files::has_wal(shared.path()) {
                Ok(())
            } else {
                self.pen.delete_log_on_close()
            };
        }
    }
}

fn error_of(shared: &Shared, doing: &'static str, error: rusqlite::Error) -> Error {
    Error::new(shared.path(), kind_of(doing, error))
}

impl Hand {
    /// Takes entries for the next commit, or commits them.
    pub(super) fn take(
        &self,
        shared: &Shared,
        entries: impl IntoIterator<Item = Entry>,
        waker: Option<&Waker>,
    ) -> u64 {
        match self {
            Self::Thread(_) => {
                let position = shared.queue.push(entries, waker);
                // A thread that has panicked takes nothing from the queue.
                if shared.is_broken() {
                    drain(shared);
                }
                position
            }
            Self::Inline(writer) => {
                // In order of position: pushed and committed under the one lock.
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let position = shared.queue.push(entries, waker);
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
                // A panic has broken the journal, which the store reports.
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

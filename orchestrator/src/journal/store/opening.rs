//! The way to an open journal: [`Opening`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::Store;
use super::commit::Pen;
use super::compact::{Compaction, SHORT};
use super::error::{At as _, Error, Kind};
use super::files::{self, WriterLock};
use super::identity::{self, Identity};
use super::look::{is_there, look, none_stands_at};
use super::network;
use super::newest::Newest;
use super::reader::Reader;
use super::schema;
use super::shared::{Marks, Shared};
use super::touched::Touched;
use super::writer::Writer;

/// A path that was looked at, and whose lock is held. No journal was made, and none was changed.
#[derive(Debug)]
pub(crate) struct Opening {
    path: PathBuf,
    lock: WriterLock,
    identity: Option<Identity>,
    tuning: Tuning,
}

/// Who commits what is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    /// A thread, as many appends at once as have come together.
    OnAThread,
    /// Whoever appends, before that returns.
    Inline,
}

/// What tests set otherwise.
#[derive(Debug)]
pub(super) struct Tuning {
    /// The rows of a log that is left alone.
    pub(super) short: u64,
    /// The most pages that the file may grow to.
    pub(super) max_pages: Option<u32>,
    /// The pages of the write-ahead log after which it is checkpointed.
    pub(super) checkpoint_pages: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            short: SHORT,
            max_pages: None,
            // 32 MB: a page that is written over and over between two checkpoints goes to the file once.
            checkpoint_pages: 8_000,
        }
    }
}

impl Opening {
    /// Looks at a path and takes the writer's lock.
    ///
    /// # Errors
    ///
    /// If there is something else than a journal that this version can read, or it is in use.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        let path = files::resolve(path).at(path, "looking")?;
        network::refuse(&path)?;
        // First without the lock, whose file would be litter beside a file that is no journal.
        match is_there(&path) {
            // Somebody may be writing it just now.
            Err(error) if matches!(error.kind(), Kind::Sqlite(..)) => {}
            other => drop(other?),
        }
        let lock = WriterLock::take(&path)?;
        let identity = look(&path)?;
        Ok(Self {
            path,
            lock,
            identity,
            tuning: Tuning::default(),
        })
    }

    /// The journal's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the journal is of, if there is one.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    #[cfg(test)]
    pub(super) fn tuned(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Makes the journal, or checks that it is of this identity. Steps that are new are added.
    /// `run` names the run that a new journal is of; of one that is gone on with it is not asked.
    ///
    /// # Errors
    ///
    /// If the journal is of something else, with its files as they were; or if the disk fails.
    pub(crate) fn begin(
        self,
        identity: &Identity,
        run: impl FnOnce() -> String,
        commits: Commits,
    ) -> Result<Store, Error> {
        let path = &self.path;
        match &self.identity {
            None => create(path, identity, &run())?,
            Some(journal) => {
                identity.check(journal, path)?;
                none_stands_at(path, identity.gone_from(journal))?;
            }
        }
        let opened = self.open(identity).at(path, "opening")?;
        let shared = Arc::new(opened.shared);
        let hand = match commits {
            Commits::Inline => opened.writer.inline(),
            Commits::OnAThread => opened
                .writer
                .on_a_thread(&shared)
                .at(path, "starting the thread that writes")?,
        };
        Ok(Store {
            shared,
            reader: Some(opened.reader),
            hand: Some(hand),
            ordinals: opened.ordinals,
            run: opened.run,
            _lock: self.lock,
        })
    }

    fn open(&self, identity: &Identity) -> rusqlite::Result<Opened> {
        let path = &self.path;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        schema::for_writing(&connection)?;
        let pages = self.tuning.checkpoint_pages;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))?;
        let transaction = connection.unchecked_transaction()?;
        identity.write_steps(&transaction)?;
        transaction.commit()?;
        if let Some(pages) = self.tuning.max_pages {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }

        let mut touched = Touched::default();
        let newest = Newest::scan(&connection, |place, slice| {
            touched.note(place, slice);
        })?;
        let tasks = connection.query_row("SELECT MAX(ordinal) FROM task", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        let tasks = tasks.map_or(0, |ordinal| ordinal.cast_unsigned().saturating_add(1));
        let last = newest.all().last();
        let ordinals = last
            .map_or(0, |place| place.ordinal.saturating_add(1))
            .max(tasks);
        let marks = Marks::of(&connection)?;
        let run = identity::run(&connection)?;
        let writer = Writer {
            pen: Pen::new(connection)?,
            compaction: Compaction {
                short: self.tuning.short,
                tasks,
            },
            position: 0,
        };
        Ok(Opened {
            shared: Shared::new(path, newest, touched, marks),
            reader: Reader::open(path)?,
            writer,
            ordinals,
            run,
        })
    }
}

struct Opened {
    shared: Shared,
    reader: Reader,
    writer: Writer,
    ordinals: u64,
    run: String,
}

/// Makes a journal beside its place and then moves it there: one that is half made is never found.
fn create(path: &Path, identity: &Identity, run: &str) -> Result<(), Error> {
    let new = files::beside(path, ".new");
    files::remove_logs(&new).at(path, "creating it")?;
    files::create_empty(&new).at(path, "creating it")?;
    let made = Connection::open(&new).and_then(|connection| {
        schema::create(&connection)?;
        let transaction = connection.unchecked_transaction()?;
        identity.write(&transaction)?;
        identity::write_run(&transaction, run)?;
        transaction.commit()?;
        schema::for_writing(&connection)
    });
    made.at(path, "creating it")?;
    files::put_in_place(&new, path).at(path, "creating it")
}

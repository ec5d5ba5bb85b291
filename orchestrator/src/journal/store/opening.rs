//! The way to an open journal: [`Opening`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::Store;
use super::commit::{First, Pen};
use super::compact::{Compaction, SHORT, SMALL};
use super::error::{At as _, Damage, Error, Kind, damaged};
use super::far::Timeline;
use super::files;
use super::folded::Folded;
use super::identity::{self, Identity};
use super::inputs::Tail;
use super::lock::WriterLock;
use super::look::{Look, is_there, look, none_waits_for};
use super::network;
use super::newest::Newest;
use super::presence::Presence;
use super::reader::Reader;
use super::schema;
use super::shared::{Marks, Shared, Tables};
use super::summary::Summary;
use super::touched::Touched;
use super::wal;
use super::writer::Writer;

/// A path that was looked at. If there is a journal, it is locked. No journal was made, and none was changed.
#[derive(Debug)]
pub(crate) struct Opening {
    path: PathBuf,
    /// The journal, if there is one.
    found: Option<Look>,
    /// Of a journal, or of an empty file.
    lock: Option<WriterLock>,
    tuning: Tuning,
}

/// Where records are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    /// On a thread, as many appends at once as have come together.
    OnAThread,
    /// Where they are appended, before that returns.
    Inline,
}

/// The clock that delays are recorded with, as of now.
#[derive(Clone, Debug)]
pub(crate) struct ClockReading {
    /// Two readings with the same name are of the same clock.
    pub(crate) name: String,
    /// The reading, in milliseconds.
    pub(crate) tick: i64,
    /// The time of day, in unix milliseconds.
    pub(crate) at: i64,
}

/// Settings that tests change.
#[derive(Debug)]
pub(super) struct Tuning {
    /// The rows of a log that is left alone.
    pub(super) short: u64,
    /// The bytes of a log that is left alone.
    pub(super) small: u64,
    /// The most pages that the file may grow to.
    pub(super) max_pages: Option<u32>,
    /// The pages of the write-ahead log after which it is checkpointed.
    pub(super) checkpoint_pages: u64,
    /// The pages of a log that are held up by a reader from which on it is warned of.
    pub(super) held_pages: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            short: SHORT,
            small: SMALL,
            max_pages: None,
            // 32 MB: a page that is written over and over between two checkpoints goes to the file once.
            checkpoint_pages: 8_000,
            // 128 MB.
            held_pages: 32_000,
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
        // First without the lock, which a file that is no journal does not need.
        is_there(&path)?;
        let lock = WriterLock::take(&path)?;
        if let Err(Damage(what)) = wal::check(&files::wal(&path)).at(&path, "looking")? {
            return Err(Error::new(&path, Kind::Damaged(what.to_owned())));
        }
        let found = look(&path)?;
        Ok(Self {
            path,
            found,
            lock,
            tuning: Tuning::default(),
        })
    }

    /// The journal's identity, if there is a journal.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.found.as_ref().map(|found| &found.identity)
    }

    /// The marks of the run that is in it.
    pub(crate) fn marks(&self) -> Marks {
        self.found
            .as_ref()
            .map(|found| found.summary.marks)
            .unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn tuned(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Makes the journal, or checks that it is of this identity and not damaged. Steps that are new are added.
    /// `run` names the run that a new journal is of; for one that is resumed it is not called.
    ///
    /// # Errors
    ///
    /// If the journal is of something else or damaged, with its files as they were; or if the disk fails.
    pub(crate) fn begin(
        mut self,
        identity: &Identity,
        run: impl FnOnce() -> String,
        commits: Commits,
        clock: &ClockReading,
    ) -> Result<Store, Error> {
        if let Some(found) = &self.found {
            identity.check(&found.identity, &self.path)?;
            none_waits_for(&self.path, identity.gone_from(&found.identity))?;
        } else {
            let lock = create(&self.path, identity, &run(), self.lock.take())?;
            self.lock = Some(lock);
            self.found = look(&self.path)?;
        }
        let (Some(found), Some(lock)) = (self.found, self.lock) else {
            return Err(Error::new(
                &self.path,
                Kind::Gone("moved, deleted or replaced"),
            ));
        };
        let path = &self.path;
        let contents = files::open_for_reading(path)
            .and_then(|connection| Contents::read(&connection, &found.summary, clock))
            .at(path, "reading it")?;
        let marks = found.summary.marks;
        let inputs = found.summary.inputs.cast_unsigned();
        let ordinals = contents.ordinals();
        let timeline = contents.timeline.clone();
        let connection = open(path, &self.tuning).at(path, "opening it")?;
        let first = First {
            identity: identity.clone(),
            clock: timeline.clock,
            clock_name: clock.name.clone(),
        };
        let pen = Pen::new(connection, found.summary, contents.inputs, first);
        let tables = Tables {
            newest: contents.newest,
            folded: contents.folded,
        };
        let shared = Arc::new(Shared::new(
            path,
            lock,
            timeline,
            tables,
            contents.touched,
            marks,
        ));
        let reader = Reader::open(path).at(path, "opening it")?;
        let writer = Writer {
            pen,
            compaction: Compaction {
                short: self.tuning.short,
                small: self.tuning.small,
            },
            checkpoint_pages: self.tuning.checkpoint_pages,
            presence: Presence::default(),
            warned_at: self.tuning.held_pages,
            position: 0,
        };
        let hand = match commits {
            Commits::Inline => writer.inline(),
            Commits::OnAThread => writer
                .on_a_thread(&shared)
                .at(path, "starting the thread that writes")?,
        };
        Ok(Store {
            shared,
            reader: Some(reader),
            hand: Some(hand),
            ordinals,
            inputs,
            run: found.run,
        })
    }
}

fn open(path: &Path, tuning: &Tuning) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    schema::for_writing(&connection)?;
    if let Some(pages) = tuning.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(connection)
}

/// The contents of a journal at opening.
struct Contents {
    timeline: Timeline,
    newest: Newest,
    folded: Folded,
    touched: Touched,
    inputs: Tail,
}

impl Contents {
    /// Reads a journal, and checks that it is what its summary says.
    fn read(
        connection: &Connection,
        summary: &Summary,
        clock: &ClockReading,
    ) -> rusqlite::Result<Self> {
        let transaction = connection.unchecked_transaction()?;
        let timeline = timeline(&transaction, clock)?;
        let mut touched = Touched::default();
        let folded = Folded::scan(
            &transaction,
            summary.tasks,
            summary.tasks_sum,
            |ordinal, wake| {
                if let Some(due) = timeline.due_far(Some(&wake)) {
                    touched.note_folded(ordinal, due);
                }
            },
        )?
        .map_err(damaged)?;
        let newest = Newest::scan(&transaction, summary.log_rows, summary.log_sum, |row| {
            touched.note(row.place, timeline.due_far(row.wake.as_ref()));
        })?
        .map_err(damaged)?;
        let inputs = Tail::read(&transaction, summary.inputs.cast_unsigned())?;
        Ok(Self {
            timeline,
            newest,
            folded,
            touched,
            inputs,
        })
    }

    /// One more than the highest ordinal that has a record.
    fn ordinals(&self) -> u64 {
        let last = self.newest.all().last();
        last.map_or(0, |place| place.ordinal.saturating_add(1))
            .max(self.folded.end())
    }
}

/// The time of a run that begins now.
fn timeline(connection: &Connection, clock: &ClockReading) -> rusqlite::Result<Timeline> {
    let same = connection
        .prepare("SELECT number FROM clock WHERE name = ?1")?
        .query_map([&clock.name], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let number = connection.query_row(
        "SELECT COALESCE(MAX(number), 0) + 1 FROM clock",
        [],
        |row| row.get(0),
    )?;
    Ok(Timeline {
        opened: clock.at,
        tick: clock.tick,
        clock: number,
        same,
    })
}

/// Makes a journal beside its place and then moves it there: one that is half made is never found. `empty` is the lock of an
/// empty file that is in its place.
fn create(
    path: &Path,
    identity: &Identity,
    run: &str,
    empty: Option<WriterLock>,
) -> Result<WriterLock, Error> {
    let doing = "creating it";
    let new = files::beside(path, ".new");
    // The lock of the empty file is held until that is replaced.
    let (lock, empty) = WriterLock::create(&new, path, empty)?;
    files::remove_logs(&new).at(path, doing)?;
    let made = Connection::open(&new).and_then(|connection| {
        schema::create(&connection)?;
        let transaction = connection.unchecked_transaction()?;
        identity.write(&transaction)?;
        identity::write_run(&transaction, run)?;
        let mut summary = Summary {
            identity: identity.hash(run),
            ..Summary::default()
        };
        summary.write(&transaction)?;
        transaction.commit()?;
        connection.execute_batch("PRAGMA journal_mode = WAL")
    });
    made.at(path, doing)?;
    let replaces = empty.is_some_and(|empty| empty.is_empty_file_at(path));
    match files::put_in_place(&new, path, replaces) {
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::new(path, Kind::Locked))
        }
        placed => placed.map(|()| lock).at(path, doing),
    }
}

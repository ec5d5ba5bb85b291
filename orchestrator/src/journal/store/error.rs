//! Why a journal can't be used: [`Error`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a journal was refused, or broke: what happened, to which file, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Error(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    kind: Kind,
}

/// The kinds of errors.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The file is something else.
    NotAJournal,
    /// Another run has the journal open.
    Locked,
    /// `SQLite`'s write-ahead log needs memory that processes share, which such a file system lacks.
    NetworkFileSystem(&'static str),
    /// Another version of this library wrote it.
    OtherFormat { journal: i64, program: i64 },
    /// Its content is not what was written.
    Damaged(String),
    /// The write-ahead log that belongs to it is not there.
    WalMissing,
    /// The write-ahead log beside it is from another time.
    WalOfAnotherTime,
    /// There is a write-ahead log but no journal, or an empty one.
    MainMissing,
    /// Its files were changed from outside while it was in use.
    Gone(&'static str),
    /// It is the journal of another blueprint.
    OtherBlueprint { journal: String, program: String },
    /// A fact that the journal's meaning rests on is another one.
    OtherFact {
        name: String,
        journal: Option<String>,
        program: Option<String>,
    },
    /// Tasks wait for steps that the blueprint no longer has.
    StepsGone {
        steps: Vec<String>,
        tasks: u64,
        first: Vec<u64>,
    },
    /// There is none.
    Missing,
    /// The file system refused something.
    Io(&'static str, io::Error),
    /// `SQLite` did.
    Sqlite(&'static str, rusqlite::Error),
    /// The thread that writes has panicked.
    WriterGone,
}

impl Error {
    pub(super) fn new(path: &Path, kind: Kind) -> Self {
        Self(Arc::new(Inner {
            path: path.to_owned(),
            kind,
        }))
    }

    /// Which journal it is about.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether somebody else has the journal.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self.0.kind, Kind::Locked)
    }

    /// Whether the journal cannot be used as it is.
    pub(crate) fn is_damaged(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Damaged(_)
                | Kind::WalMissing
                | Kind::WalOfAnotherTime
                | Kind::MainMissing
                | Kind::OtherFormat { .. }
        )
    }

    /// What happened.
    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }
}

/// Something that cannot be what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage(pub(super) &'static str);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Damage {}

/// Damage as an error that `rusqlite`'s callbacks can return.
pub(super) fn damaged(damage: Damage) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, Box::new(damage))
}

/// Puts the journal's path, and what was being done, to an error.
pub(super) trait At<T> {
    fn at(self, path: &Path, doing: &'static str) -> Result<T, Error>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::new(path, kind_of(doing, source)))
    }
}

/// Returns what happened when `SQLite` returned this error.
pub(super) fn kind_of(doing: &'static str, source: rusqlite::Error) -> Kind {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
        SqliteFailure,
    };
    match &source {
        FromSqlConversionFailure(_, _, error) if error.is::<Damage>() => {
            Kind::Damaged(error.to_string())
        }
        SqliteFailure(error, _)
            if matches!(
                error.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) =>
        {
            Kind::Damaged(format!("{doing} failed: {source}"))
        }
        // Nothing is read that was not written by this format.
        FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        | QueryReturnedNoRows => Kind::Damaged(format!("{doing} failed: {source}")),
        _ => Kind::Sqlite(doing, source),
    }
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::new(path, Kind::Io(doing, source)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.path.display();
        match &self.0.kind {
            Kind::NotAJournal => write!(
                f,
                "{path} is not a journal: give another path; the file was left as it is"
            ),
            Kind::Locked => write!(
                f,
                "the journal {path} is in use by another run: wait for that to end, or give another path"
            ),
            Kind::NetworkFileSystem(name) => write!(
                f,
                "the journal {path} would be on a network file system ({name}), where SQLite's log is not safe: give a path on a local disk"
            ),
            Kind::OtherFormat { journal, program } => {
                let version = if journal > program {
                    "a later"
                } else {
                    "an earlier"
                };
                write!(
                    f,
                    "the journal {path} has format {journal}, and this program reads format {program}: run it with {version} version of this library, or delete the journal to begin anew"
                )
            }
            Kind::Damaged(what) => write!(
                f,
                "the journal {path} is damaged: {what}: put a copy in its place, or delete it to begin anew; nothing was changed"
            ),
            Kind::WalMissing => write!(
                f,
                "the journal {path} is not whole without its write-ahead log {path}-wal, which is missing or empty (moved without it, or deleted by another SQLite program): put that beside it, or delete the journal to begin anew"
            ),
            Kind::WalOfAnotherTime => write!(
                f,
                "the journal {path} and its write-ahead log {path}-wal are from different times: put two files of one time there, or delete both to begin anew"
            ),
            Kind::MainMissing => write!(
                f,
                "the journal {path} is missing or empty, but its write-ahead log {path}-wal is there: put the journal beside it, or delete the log to begin anew"
            ),
            Kind::Gone(what) => write!(
                f,
                "the journal {path} was {what} while it was in use: put its files back and run again; what was committed before that is kept in them"
            ),
            Kind::OtherBlueprint { journal, program } => write!(
                f,
                "the journal {path} belongs to the blueprint `{journal}`, not to `{program}`: give another path, or delete the journal to begin anew"
            ),
            Kind::OtherFact {
                name,
                journal,
                program,
            } => write!(
                f,
                "the journal {path} was begun with {name} {}, and now it is {}: run with what it was begun with, give another path, or delete the journal to begin anew",
                Quoted(journal.as_deref()),
                Quoted(program.as_deref()),
            ),
            Kind::StepsGone {
                steps,
                tasks,
                first,
            } => {
                let (noun, verb) = if *tasks == 1 {
                    ("task", "waits")
                } else {
                    ("tasks", "wait")
                };
                write!(f, "in the journal {path} {tasks} {noun} {verb} for ")?;
                list(f, steps.iter().map(|step| format!("`{step}`")))?;
                f.write_str(", which the blueprint no longer has (ids ")?;
                list(f, first.iter())?;
                let more = tasks.saturating_sub(first.len() as u64);
                if more > 0 {
                    write!(f, " and {more} more")?;
                }
                f.write_str("): bring the step back under this name until they are through, or delete the journal to begin anew")
            }
            Kind::Missing => write!(f, "there is no journal at {path}: check the path"),
            Kind::Io(doing, source) => write!(
                f,
                "{doing} failed at the journal {path}: {source}: check the disk and the rights to it, then run again"
            ),
            Kind::Sqlite(doing, source) => write!(
                f,
                "{doing} failed at the journal {path}: {source}: check the disk, then run again; what was committed before is kept"
            ),
            Kind::WriterGone => write!(
                f,
                "the thread that writes the journal {path} has panicked: run again; what was committed before is kept"
            ),
        }
    }
}

impl std::error::Error for Error {
    /// The cause of the cause: the message already contains the cause.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Io(_, cause) => cause.source(),
            Kind::Sqlite(_, cause) => cause.source(),
            _ => None,
        }
    }
}

/// The value of a fact, or `unset`.
struct Quoted<'a>(Option<&'a str>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, "`{value}`"),
            None => f.write_str("unset"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

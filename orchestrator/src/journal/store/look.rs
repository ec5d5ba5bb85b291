//! A look at a file that may be a journal, which changes no byte of it: [`look`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::error::{At as _, Error, Kind};
use super::files::{beside, has_wal, open_unchanged, wal};
use super::identity::Identity;
use super::schema::{APPLICATION_ID, FORMAT};

/// How many ids of the tasks that are in the way are named.
const NAMED: usize = 10;

/// Whether there is a journal, by its header.
pub(super) fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).at(path, "looking"),
        Ok(file) if !file.is_file() => return Err(Error::new(path, Kind::NotAJournal)),
        // As `touch` makes it.
        Ok(file) if file.len() == 0 => return Ok(false),
        Ok(_) => (),
    }
    // By way of SQLite and not by reading the bytes: closing a file lets go of all locks that the
    // process has on it, among them those of a connection elsewhere in this process. SQLite takes
    // care of that for its own.
    match open_unchanged(path).and_then(|connection| header(&connection)) {
        Ok((APPLICATION_ID, format)) if format > FORMAT => Err(Error::new(
            path,
            Kind::NewerFormat {
                journal: format,
                program: FORMAT,
            },
        )),
        Ok((APPLICATION_ID, _)) => Ok(true),
        Ok(_) => Err(Error::new(path, Kind::NotAJournal)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(Error::new(path, Kind::NotAJournal))
        }
        Err(error) => Err(error).at(path, "looking"),
    }
}

fn header(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// What the journal is of, if there is one. The writer's lock is held.
pub(super) fn look(path: &Path) -> Result<Option<Identity>, Error> {
    if !is_there(path)? {
        return Ok(None);
    }
    let doing = "reading what the journal is of";
    // It is in the database itself: what changes it is checkpointed at once.
    match open_unchanged(path).and_then(|connection| Identity::read(&connection)) {
        // The power may have failed while a page was carried over from the write-ahead log.
        Err(_) if has_wal(path) => {
            let (_copy, connection) = Copy::open(path)?;
            Identity::read(&connection).map(Some).at(path, doing)
        }
        other => other.map(Some).at(path, doing),
    }
}

/// Checks that no task stands at steps that are gone.
pub(super) fn none_stands_at(path: &Path, steps: Vec<String>) -> Result<(), Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let (_copy, connection) = if has_wal(path) {
        let (copy, connection) = Copy::open(path)?;
        (Some(copy), connection)
    } else {
        let connection = open_unchanged(path).at(path, "reading the journal")?;
        (None, connection)
    };
    let mut first = Vec::new();
    let mut tasks = 0;
    let mut occupied = Vec::new();
    for step in steps {
        let before = tasks;
        count_at(&connection, &step, |id| {
            tasks += 1;
            if first.len() < NAMED {
                first.push(id);
            }
        })
        .at(path, "looking for tasks at steps that are gone")?;
        if tasks > before {
            occupied.push(step);
        }
    }
    if tasks == 0 {
        return Ok(());
    }
    let kind = Kind::StepsGone {
        steps: occupied,
        tasks,
        first,
    };
    Err(Error::new(path, kind))
}

fn count_at(
    connection: &Connection,
    step: &str,
    mut each: impl FnMut(u64),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT newest.id FROM newest JOIN step ON step.number = newest.step
         WHERE newest.stage = 0 AND step.name = ?1 ORDER BY newest.ordinal",
    )?;
    let mut rows = statement.query([step])?;
    while let Some(row) = rows.next()? {
        each(row.get::<_, i64>(0)?.cast_unsigned());
    }
    Ok(())
}

/// A copy of a journal with its write-ahead log: `SQLite` can't read these two without writing.
struct Copy(PathBuf);

impl Copy {
    fn open(path: &Path) -> Result<(Self, Connection), Error> {
        let doing = "copying the journal to look at it";
        let directory = beside(path, ".look");
        let _ = fs::remove_dir_all(&directory);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory).at(path, doing)?;
        let copy = Self(directory.join("journal"));
        fs::copy(path, &copy.0).at(path, doing)?;
        fs::copy(wal(path), wal(&copy.0)).at(path, doing)?;
        let connection = Connection::open(&copy.0).at(path, doing)?;
        Ok((copy, connection))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(directory) = self.0.parent() {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

//! A look at a file that may be a journal, which changes no byte of it: [`look`].

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::error::{At as _, Error, Kind};
use super::files::{open_for_reading, open_main_alone};
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
    match open_main_alone(path).and_then(|connection| header(&connection)) {
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

/// Returns the identity of the journal, or `None` if there is no journal. The writer's lock is held.
pub(super) fn look(path: &Path) -> Result<Option<Identity>, Error> {
    if !is_there(path)? {
        return Ok(None);
    }
    open_for_reading(path)
        .and_then(|connection| Identity::read(&connection))
        .map(Some)
        .at(path, "reading what the journal is of")
}

/// Checks that no task stands at steps that are gone.
pub(super) fn none_stands_at(path: &Path, steps: Vec<String>) -> Result<(), Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let connection = open_for_reading(path).at(path, "reading the journal")?;
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

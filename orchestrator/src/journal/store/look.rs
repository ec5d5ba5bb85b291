//! A look at a file that may be a journal, which changes no byte of it: [`look`].

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::error::{At as _, Damage, Error, Kind};
use super::files::{has_wal, open_for_reading, open_main_alone};
use super::identity::{self, Identity};
use super::schema::{APPLICATION_ID, FORMAT};
use super::summary::Summary;

/// How many ids of the tasks that are in the way are named.
const NAMED: usize = 10;

/// The result of a look at a journal.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) identity: Identity,
    /// The name of its run.
    pub(super) run: String,
    pub(super) summary: Summary,
}

/// Whether there is a journal, by the main file alone.
pub(super) fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return not_there(path),
        Err(error) => return Err(error).at(path, "looking"),
        Ok(file) if !file.is_file() => return Err(Error::new(path, Kind::NotAJournal)),
        // As `touch` makes it.
        Ok(file) if file.len() == 0 => return not_there(path),
        Ok(_) => (),
    }
    // By way of SQLite and not by reading the bytes: closing a file lets go of all locks that the
    // process has on it, among them those of a connection elsewhere in this process. SQLite takes
    // care of that for its own.
    match open_main_alone(path).and_then(|connection| header(&connection)) {
        Ok((APPLICATION_ID, FORMAT)) => Ok(true),
        Ok((APPLICATION_ID, journal)) => Err(Error::new(
            path,
            Kind::OtherFormat {
                journal,
                program: FORMAT,
            },
        )),
        Ok(_) => Err(Error::new(path, Kind::NotAJournal)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(Error::new(path, Kind::NotAJournal))
        }
        Err(error) => Err(error).at(path, "looking"),
    }
}

/// There is no journal. A write-ahead log without one is what is left of a journal, and must not be lost.
fn not_there(path: &Path) -> Result<bool, Error> {
    if has_wal(path) {
        return Err(Error::new(path, Kind::MainMissing));
    }
    Ok(false)
}

fn header(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// Looks at the journal, and checks that its files belong together. Returns `None` if there is no journal.
pub(super) fn look(path: &Path) -> Result<Option<Look>, Error> {
    let doing = "reading what the journal is of";
    if !is_there(path)? {
        return Ok(None);
    }
    // In this order: the main file is never ahead of what is read after it.
    let main = open_main_alone(path).and_then(|connection| Summary::read(&connection));
    let has_wal = has_wal(path);
    let connection = open_for_reading(path).at(path, doing)?;
    // All that follows sees the same moment.
    let transaction = connection.unchecked_transaction().at(path, doing)?;
    let damaged = |Damage(what)| Error::new(path, Kind::Damaged(what.to_owned()));
    let summary = Summary::read(&transaction)
        .at(path, doing)?
        .map_err(damaged)?;
    let is_of_another_time =
        |main: &Summary| main.commits > summary.commits || main.commits < summary.checkpointed;
    match main {
        Ok(Ok(main)) if has_wal && is_of_another_time(&main) => {
            return Err(Error::new(path, Kind::WalOfAnotherTime));
        }
        Ok(Ok(main)) if !has_wal && main.needs_wal => {
            return Err(Error::new(path, Kind::WalMissing));
        }
        // The log has everything that the main file lacks.
        _ => {}
    }
    let identity = Identity::read(&transaction).at(path, doing)?;
    let run = identity::run(&transaction).at(path, doing)?;
    if identity.hash(&run) != summary.identity {
        return Err(damaged(Damage("what it is of is not what was written")));
    }
    Ok(Some(Look {
        identity,
        run,
        summary,
    }))
}

/// Checks that no task waits for steps that are gone.
pub(super) fn none_waits_for(path: &Path, steps: Vec<String>) -> Result<(), Error> {
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
        "SELECT recorded.ordinal, recorded.id FROM recorded JOIN newest USING (ordinal)
         JOIN step ON step.number = newest.step
         WHERE newest.stage = 0 AND step.name = ?1 ORDER BY 1",
    )?;
    let mut rows = statement.query([step])?;
    while let Some(row) = rows.next()? {
        let (ordinal, distance): (i64, i64) = (row.get(0)?, row.get(1)?);
        each(ordinal.wrapping_add(distance).cast_unsigned());
    }
    Ok(())
}

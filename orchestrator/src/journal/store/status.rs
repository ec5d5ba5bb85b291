//! The status of a run, which any process may read while another one writes the journal: [`status`].

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::{At as _, Error, Kind};
use super::files::{self, has_wal, open_for_reading};
use super::identity::Identity;
use super::look::{self, Look};
use super::record::FailureKind;
use super::shared::Marks;

/// The most causes of failures, and the most wake-up times, that are given.
const LISTED: i64 = 20;

/// How long a file that can't be read is looked at again, and how often.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) identity: Identity,
    /// The run's own name.
    pub(crate) run: String,
    pub(crate) marks: Marks,
    /// When it was last written (unix milliseconds).
    pub(crate) written: i64,
    /// How many pages of the write-ahead log a reader keeps from being copied into the main file.
    pub(crate) held_pages: i64,
    /// In the order in which the steps were added to the journal.
    pub(crate) steps: Vec<StepStatus>,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// The most frequent first, and not all if there are many.
    pub(crate) failures: Vec<Failure>,
    /// When delays end next (unix milliseconds), and how many in that second.
    pub(crate) wakes: Vec<(i64, u64)>,
}

/// How many tasks stand at a step, or failed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepStatus {
    pub(crate) name: String,
    pub(crate) ready: u64,
    pub(crate) waiting: u64,
    pub(crate) failed: u64,
}

/// A cause that tasks failed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: String,
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    pub(crate) tasks: u64,
}

/// Reads the status of the run whose journal is at this path, as of now (unix milliseconds). Takes no lock.
///
/// # Errors
///
/// If there is no journal, or it can't be read.
pub(crate) fn status(path: &Path, now: i64) -> Result<Status, Error> {
    let path = &files::resolve(path).at(path, "looking")?;
    patiently(|| {
        let look = look::look(path)?.ok_or_else(|| Error::new(path, Kind::Missing))?;
        let had_wal = has_wal(path);
        let status = open_for_reading(path).and_then(|connection| {
            // All that follows sees the same moment.
            let transaction = connection.unchecked_transaction()?;
            read(&transaction, look, now)
        });
        if !had_wal && has_wal(path) {
            // Somebody has opened it meanwhile, and pages may have changed between two reads.
            return Ok(None);
        }
        status.map(Some).at(path, "reading the status")
    })
}

/// Reads a journal, and again if that fails: somebody may be opening or closing it just then, which can't be distinguished from
/// a file that is damaged.
fn patiently<T>(read: impl Fn() -> Result<Option<T>, Error>) -> Result<T, Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        match read() {
            Ok(Some(read)) => return Ok(read),
            Ok(None) => {}
            Err(error) if is_transient(error.kind()) && Instant::now() < until => {}
            Err(error) => return Err(error),
        }
        thread::sleep(PAUSE);
    }
}

/// Whether somebody who is opening, writing or closing the journal can be why it could not be read.
fn is_transient(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Sqlite(..)
            | Kind::Damaged(_)
            | Kind::WalMissing
            | Kind::WalOfAnotherTime
            | Kind::MainMissing
    )
}

fn read(connection: &Connection, look: Look, now: i64) -> rusqlite::Result<Status> {
    let mut status = Status {
        identity: look.identity,
        run: look.run,
        marks: look.summary.marks,
        written: look.summary.written,
        held_pages: look.summary.held_pages,
        steps: Vec::new(),
        completed: 0,
        failed: 0,
        failures: Vec::new(),
        wakes: Vec::new(),
    };
    let mut steps = steps(connection)?;
    // One pass for all counts: to find the newest records is what takes the time.
    let mut statement = connection.prepare(
        "SELECT step, MIN(stage, 2) AS stage, COALESCE(wake > ?1, 0) AS waits, COUNT(*)
         FROM newest GROUP BY 1, 2, 3",
    )?;
    let mut rows = statement.query([now])?;
    while let Some(row) = rows.next()? {
        let tasks = row.get::<_, i64>(3)?.cast_unsigned();
        let Some((_, step)) = row
            .get::<_, Option<i64>>(0)?
            .and_then(|number| steps.get_mut(&number))
        else {
            status.completed += tasks;
            continue;
        };
        match (row.get(1)?, row.get(2)?) {
            (0, true) => step.waiting += tasks,
            (0, false) => step.ready += tasks,
            _ => step.failed += tasks,
        }
    }
    status.steps = steps
        .into_values()
        .filter(|(gone, step)| !gone || step.ready + step.waiting + step.failed > 0)
        .map(|(_, step)| step)
        .collect();
    status.failed = status.steps.iter().map(|step| step.failed).sum();
    if status.failed > 0 {
        status.failures = failures(connection)?;
    }
    if status.steps.iter().any(|step| step.waiting > 0) {
        status.wakes = wakes(connection, now)?;
    }
    Ok(status)
}

/// The steps by number, with nothing counted yet, and whether they are gone.
fn steps(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, (bool, StepStatus)>> {
    let mut statement = connection.prepare("SELECT number, gone, name FROM step")?;
    let rows = statement.query_map([], |row| {
        let step = StepStatus {
            name: row.get(2)?,
            ..StepStatus::default()
        };
        Ok((row.get(0)?, (row.get(1)?, step)))
    })?;
    rows.collect()
}

fn failures(connection: &Connection) -> rusqlite::Result<Vec<Failure>> {
    let mut statement = connection.prepare(
        "SELECT step.name, newest.stage, newest.text, COUNT(*) AS tasks
         FROM newest JOIN step ON step.number = newest.step WHERE newest.stage >= 2
         GROUP BY newest.step, newest.stage, newest.text
         ORDER BY tasks DESC, newest.step, newest.stage, newest.text LIMIT ?1",
    )?;
    let rows = statement.query_map([LISTED], |row| {
        Ok(Failure {
            step: row.get(0)?,
            kind: FailureKind::of_stage(row.get(1)?).unwrap_or(FailureKind::Failed),
            message: row.get(2)?,
            tasks: row.get::<_, i64>(3)?.cast_unsigned(),
        })
    })?;
    rows.collect()
}

fn wakes(connection: &Connection, now: i64) -> rusqlite::Result<Vec<(i64, u64)>> {
    let mut statement = connection.prepare(
        "SELECT MIN(wake), COUNT(*) FROM newest WHERE stage = 0 AND wake > ?1
         GROUP BY wake / 1000 ORDER BY 1 LIMIT ?2",
    )?;
    let rows = statement.query_map([now, LISTED], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    rows.collect()
}

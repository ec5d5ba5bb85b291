//! The connection that reads while another writes: [`Reader`].

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::error::{At as _, Damage, Error, damaged};
use super::far::slice;
use super::inputs;
use super::newest::Place;
use super::record::{Record, join_step, read, select_record};
use super::shared::{Shared, Tables};

/// Reads records back.
#[derive(Debug)]
pub(super) struct Reader(Mutex<Connection>);

impl Reader {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self(Mutex::new(Connection::open_with_flags(path, flags)?)))
    }

    pub(super) fn recall(&self, shared: &Shared, range: &Range<u64>) -> Result<Vec<Record>, Error> {
        let tables = shared.tables();
        self.read(|connection| recall(connection, &tables, range))
            .at(shared.path(), "reading tasks back")
    }

    pub(super) fn due(
        &self,
        shared: &Shared,
        after: i64,
        until: i64,
    ) -> Result<Vec<Record>, Error> {
        let _unmoved = shared.tables();
        self.read(|connection| due(connection, shared, after, until))
            .at(shared.path(), "reading delays back")
    }

    pub(super) fn inputs(&self, shared: &Shared, range: Range<u64>) -> Result<Vec<u128>, Error> {
        self.read(|connection| inputs::read(connection, range))
            .at(shared.path(), "reading the hashes of inputs back")
    }

    /// Reads in one transaction: without it every row that is asked for would take `SQLite`'s locks.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _transaction = connection.unchecked_transaction()?;
        ask(&connection)
    }
}

/// The records in a range, as of opening.
fn recall(
    connection: &Connection,
    tables: &Tables,
    range: &Range<u64>,
) -> rusqlite::Result<Vec<Record>> {
    let mut in_log = connection.prepare_cached(IN_LOG)?;
    let mut in_task = connection.prepare_cached(IN_TASK)?;
    let mut records = Vec::new();
    let mut newer = tables.newest.within(range).iter().peekable();
    let mut found = 0;
    let mut rows = in_task.query([signed(range.start), signed(range.end)])?;
    while let Some(row) = rows.next()? {
        found += 1;
        let ordinal = row.get::<_, i64>(0)?.cast_unsigned();
        let mut superseded = false;
        while let Some(place) = newer.next_if(|place| place.ordinal <= ordinal) {
            superseded |= place.ordinal == ordinal;
            records.push(in_log.query_row([place.seq], read)?);
        }
        if !superseded {
            records.push(read(row)?);
        }
    }
    for place in newer {
        records.push(in_log.query_row([place.seq], read)?);
    }
    if tables
        .folded
        .within(range)
        .is_some_and(|count| count != found)
    {
        return Err(damaged(Damage(
            "a search for tasks does not find all of them",
        )));
    }
    if !records.is_sorted_by(|one, other| one.ordinal < other.ordinal) {
        return Err(damaged(Damage("a search finds tasks out of order")));
    }
    Ok(records)
}

/// The bound of a range of ordinals, of which all are below 2^63.
fn signed(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}

/// The row of `log` with this number.
const IN_LOG: &str = select_record!(
    "CASE typeof(r.text) WHEN 'text' THEN r.text ELSE COALESCE(
        (SELECT same.text FROM log same WHERE same.seq = r.text),
        (SELECT same.text FROM task same WHERE same.ordinal = r.ordinal)
    ) END",
    "FROM log r",
    join_step!(),
    "WHERE r.seq = ?1"
);

/// The rows of `task` with ordinals in `[?1, ?2)`.
const IN_TASK: &str = select_record!(
    "r.text",
    "FROM task r",
    join_step!(),
    "WHERE r.ordinal >= ?1 AND r.ordinal < ?2 ORDER BY r.ordinal"
);

/// The far delays that end in the slices of `[after, until)` and are their tasks' newest records, in order of their end.
fn due(
    connection: &Connection,
    shared: &Shared,
    after: i64,
    until: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut found = Vec::new();
    let rows = shared.touched().far_within(after, until);
    let mut in_log = connection.prepare_cached(IN_LOG)?;
    for seq in rows.log {
        // A row that is about to be committed is not there yet.
        if let Some(record) = in_log.query_row([seq], read).optional()? {
            found.push((Some(seq), record));
        }
    }
    let mut in_task = connection.prepare_cached(IN_TASK)?;
    for ordinal in rows.task {
        found.push((None, in_task.query_row([ordinal, ordinal + 1], read)?));
    }
    // Only now: what supersedes a row is noted before it is committed, so all that superseded one
    // before it was read is known here.
    let touched = shared.touched();
    let newest = found.into_iter().filter_map(|(seq, record)| {
        let ordinal = record.ordinal;
        let is_newest = match seq {
            Some(seq) => touched.still_waits(Place { ordinal, seq }),
            None => !touched.in_log(ordinal),
        };
        let due = shared
            .timeline
            .due_far(record.stage.columns().wake.as_ref())?;
        // A row of `task` may have been replaced by one that waits for another time.
        let is_within = slice(after) <= slice(due) && slice(due) <= slice(until.saturating_sub(1));
        (is_newest && is_within).then_some((due, record))
    });
    let mut newest: Vec<_> = newest.collect();
    newest.sort_by_key(|(due, record)| (*due, record.ordinal));
    Ok(newest.into_iter().map(|(_, record)| record).collect())
}

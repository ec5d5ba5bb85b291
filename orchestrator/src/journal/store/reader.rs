//! The connection that reads while another writes: [`Reader`].

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use super::error::{At as _, Error};
use super::far::{far_ms, slice_ms};
use super::newest::Place;
use super::record::{Record, read, select_record};
use super::shared::Shared;

/// Reads records back.
#[derive(Debug)]
pub(super) struct Reader(Mutex<Connection>);

impl Reader {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self(Mutex::new(Connection::open_with_flags(path, flags)?)))
    }

    pub(super) fn recall(&self, shared: &Shared, range: &Range<u64>) -> Result<Vec<Record>, Error> {
        let newest = shared.newest();
        self.read(|connection| recall(connection, newest.within(range), range))
            .at(shared.path(), "reading tasks back")
    }

    pub(super) fn due(
        &self,
        shared: &Shared,
        after: i64,
        until: i64,
    ) -> Result<Vec<Record>, Error> {
        let _unmoved = shared.newest();
        self.read(|connection| due(connection, shared, after, until))
            .at(shared.path(), "reading delays back")
    }

    /// Reads in one transaction: without it every row that is asked for would take `SQLite`'s locks.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _transaction = connection.unchecked_transaction()?;
        ask(&connection)
    }
}

/// The records of `task` in a range, but where the log has newer ones.
fn recall(
    connection: &Connection,
    newer: &[Place],
    range: &Range<u64>,
) -> rusqlite::Result<Vec<Record>> {
    let mut in_log = connection.prepare_cached(IN_LOG)?;
    let mut in_task = connection.prepare_cached(select_record!(
        "FROM task r LEFT JOIN step ON step.number = r.step
         WHERE r.ordinal >= ?1 AND r.ordinal < ?2 ORDER BY r.ordinal"
    ))?;
    let mut records = Vec::new();
    let mut newer = newer.iter().peekable();
    let mut rows = in_task.query([signed(range.start), signed(range.end)])?;
    while let Some(row) = rows.next()? {
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
    Ok(records)
}

/// The bound of a range of ordinals, of which all are below 2^63.
fn signed(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}

/// The row of `log` with this number.
const IN_LOG: &str =
    select_record!("FROM log r LEFT JOIN step ON step.number = r.step WHERE r.seq = ?1");

/// The far delays in `task` that end in `(?1, ?2]`, by the slices that these are in. With the name of
/// the index, as what takes another way takes far too long.
const FAR_IN_TASK: &str = select_record!(
    "FROM task r INDEXED BY task_far LEFT JOIN step ON step.number = r.step
     WHERE r.full > ",
    far_ms!(),
    " AND r.wake > ?1 AND r.wake <= ?2 AND r.wake / ",
    slice_ms!(),
    " BETWEEN ?1 / ",
    slice_ms!(),
    " AND ?2 / ",
    slice_ms!()
);

/// The far delays in `log` and in `task` that are their tasks' newest records, in order of their end.
fn due(
    connection: &Connection,
    shared: &Shared,
    after: i64,
    until: i64,
) -> rusqlite::Result<Vec<Record>> {
    let mut found = Vec::new();
    let mut in_log = connection.prepare_cached(IN_LOG)?;
    let rows = shared.touched().far_within(after, until);
    for seq in rows {
        // What is about to be committed is not there yet.
        if let Some((wake, record)) = in_log.query_row([seq], ends).optional()?
            && (after < wake && wake <= until)
        {
            found.push((wake, Some(seq), record));
        }
    }
    let mut in_task = connection.prepare_cached(FAR_IN_TASK)?;
    for row in in_task.query_map([after, until], ends)? {
        let (wake, record) = row?;
        found.push((wake, None, record));
    }
    // Only now: what supersedes a row is noted before it is committed, so all that superseded one
    // before it was read is known here.
    let touched = shared.touched();
    found.retain(|&(_, seq, Record { ordinal, .. })| match seq {
        Some(seq) => touched.still_waits(Place { ordinal, seq }),
        None => !touched.in_log(ordinal),
    });
    drop(touched);
    found.sort_by_key(|&(wake, _, Record { ordinal, .. })| (wake, ordinal));
    Ok(found.into_iter().map(|(_, _, record)| record).collect())
}

/// When a far delay ends, and its record.
fn ends(row: &Row<'_>) -> rusqlite::Result<(i64, Record)> {
    Ok((row.get(5)?, read(row)?))
}

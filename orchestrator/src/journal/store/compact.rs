//! Folding the log into `task`, and giving back room: [`Compaction`].

use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::checksum;
use super::commit::{PAGE, Pen};
use super::error::{Damage, damaged};
use super::folded::Folded;
use super::newest::{Newest, Place};
use super::shared::Shared;

/// A log with fewer rows is left alone, unless it takes many bytes.
pub(super) const SHORT: u64 = 500_000;

/// A log that takes fewer bytes is left alone, unless it has many rows.
pub(super) const SMALL: u64 = 64 << 20;

/// How many rows are moved by one statement.
const MOVED: usize = 4_096;

/// A file with fewer free pages is left as it is.
const FEW: i64 = 64;

/// When the log is folded into `task`.
#[derive(Debug)]
pub(super) struct Compaction {
    /// The fewest rows of a log that is folded for their number.
    pub(super) short: u64,
    /// The fewest bytes of a log that is folded for these.
    pub(super) small: u64,
}

impl Compaction {
    /// Folds a log that is long or large. A log that has half as many rows as `task` is long, and one that takes a third of the
    /// file is large, so that rewriting costs a constant share of appending. Returns whether it was folded.
    pub(super) fn if_long(&self, pen: &mut Pen, shared: &Shared) -> rusqlite::Result<bool> {
        let rows = pen.summary.log_rows.cast_unsigned();
        let bytes = pen.summary.log_bytes.cast_unsigned();
        let tasks = pen.summary.tasks.cast_unsigned();
        let is_long = rows > self.short.max(tasks / 2);
        if !is_long && (bytes <= self.small || bytes <= file_bytes(&pen.connection)? / 3) {
            return Ok(false);
        }
        fold(pen, shared)?;
        Ok(true)
    }
}

fn file_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?;
    Ok(pages.cast_unsigned() * PAGE)
}

/// Rewrites the file without its free pages, if these are at least half of it: so it takes time in proportion to what is given
/// back. In a file that stays as it is, the next records take the free pages.
pub(super) fn give_back_room(connection: &Connection) -> rusqlite::Result<()> {
    let pages = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = pages("freelist_count")?;
    if free < FEW || free < pages("page_count")? / 2 {
        return Ok(());
    }
    connection.execute_batch("VACUUM")
}

/// Moves the newest record of each task from `log` to `task`, and empties the log.
pub(super) fn fold(pen: &mut Pen, shared: &Shared) -> rusqlite::Result<()> {
    let mut ordinals = Vec::new();
    let mut checksums = Vec::new();
    let mut kept = Vec::new();
    let scanned = Newest::scan(
        &pen.connection,
        pen.summary.log_rows,
        pen.summary.log_sum,
        |row| {
            ordinals.push(row.place.ordinal);
            checksums.push(row.checksum);
            if row.text_at == Some(0) {
                kept.push(row.place.seq);
            }
        },
    )?;
    let newest = scanned.map_err(damaged)?;
    let transaction = pen
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sums = {
        let tables = shared.tables();
        sums(&transaction, &newest, &checksums, &tables.folded)?
    };
    // In order of ordinal, so that `task` is written from front to back.
    for places in newest.all().chunks(MOVED) {
        move_rows(&transaction, places, &kept)?;
    }
    transaction.execute("DELETE FROM log", [])?;
    let summary = &mut pen.summary;
    summary.tasks += i64::try_from(sums.added.len()).unwrap_or(i64::MAX);
    summary.tasks_sum = summary.tasks_sum.wrapping_add(sums.change);
    summary.log_rows = 0;
    summary.log_sum = 0;
    summary.log_bytes = 0;
    summary.write(&transaction)?;
    {
        // From the commit on what was in the log is in `task`: readers see both before it, or
        // both after it.
        let mut tables = shared.tables_mut();
        transaction.commit()?;
        tables.newest.clear();
        sums.added.into_iter().for_each(|it| tables.folded.add(it));
        shared.touched().fold(&ordinals);
    }
    pen.unchanged.fold();
    Ok(())
}

/// The changes that a fold makes in `task`.
struct Sums {
    /// By how much the sum over all rows changes.
    change: u64,
    /// The ordinals of rows that are new.
    added: Vec<u64>,
}

fn sums(
    transaction: &Transaction<'_>,
    newest: &Newest,
    checksums: &[u32],
    folded: &Folded,
) -> rusqlite::Result<Sums> {
    let mut sums = Sums {
        change: 0,
        added: Vec::new(),
    };
    let mut old = transaction.prepare_cached("SELECT checksum FROM task WHERE ordinal = ?1")?;
    for &Place { ordinal, seq } in newest.all() {
        let row = usize::try_from(seq - 1).unwrap_or(usize::MAX);
        let checksum = checksums.get(row).copied().unwrap_or_default();
        let replaced = if ordinal < folded.end() {
            old.query_row([ordinal.cast_signed()], |row| row.get(0))
                .optional()?
        } else {
            None
        };
        let new = checksum::of_task_row(ordinal, checksum);
        sums.change = sums.change.wrapping_add(new);
        match replaced {
            Some(old) => {
                let old = checksum::of_task_row(ordinal, old);
                sums.change = sums.change.wrapping_sub(old);
            }
            None => sums.added.push(ordinal),
        }
    }
    Ok(sums)
}

/// Moves these rows of the log. Of `kept`, the text is in `task` already.
fn move_rows(
    transaction: &Transaction<'_>,
    places: &[Place],
    kept: &[i64],
) -> rusqlite::Result<()> {
    let is_kept = |seq: i64| kept.binary_search(&seq).is_ok();
    let moved: Vec<_> = places
        .iter()
        .filter(|place| !is_kept(place.seq))
        .map(|place| Value::Integer(place.seq))
        .collect();
    let expected = moved.len();
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO task (ordinal, id, at, checksum, text)
         SELECT l.ordinal, l.id, l.at, l.checksum, CASE typeof(l.text)
             WHEN 'text' THEN l.text ELSE (SELECT same.text FROM log same WHERE same.seq = l.text) END
         FROM rarray(?1) moved CROSS JOIN log l ON l.seq = moved.value",
    )?;
    if insert.execute([Rc::new(moved)])? != expected {
        return Err(damaged(Damage("a row of its log is missing")));
    }
    let mut update = transaction.prepare_cached(
        "UPDATE task SET id = l.id, at = l.at, checksum = l.checksum
         FROM log l WHERE l.seq = ?1 AND task.ordinal = l.ordinal",
    )?;
    for place in places.iter().filter(|place| is_kept(place.seq)) {
        if update.execute([place.seq])? != 1 {
            return Err(damaged(Damage("the text of a task is missing")));
        }
    }
    Ok(())
}

//! One transaction of the writer: [`Pen`].

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, Statement, Transaction, TransactionBehavior, params};

use super::far::slice_of_far;
use super::newest::Place;
use super::queue::Entry;
use super::record::Record;
use super::shared::Shared;

/// The connection that writes, and what it knows of the log.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) connection: Connection,
    /// The numbers of the steps.
    steps: HashMap<Cow<'static, str>, i64>,
    /// The last row of the log. As it begins at 1 and has no gaps, it is the number of rows, too.
    pub(super) last: i64,
}

impl Pen {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let steps = connection
            .prepare("SELECT name, number FROM step")?
            .query_map([], |row| {
                Ok((Cow::Owned(row.get::<_, String>(0)?), row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        let last = connection.query_row("SELECT MAX(seq) FROM log", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        Ok(Self {
            connection,
            steps,
            last: last.unwrap_or(0),
        })
    }

    /// Writes entries in one transaction.
    pub(super) fn commit(&mut self, entries: &[Entry], shared: &Shared) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let first = self.last + 1;
        for entry in entries {
            match entry {
                Entry::Mark(mark, Some(at)) => {
                    transaction.execute(
                        "INSERT OR REPLACE INTO mark (name, at) VALUES (?1, ?2)",
                        params![mark.name(), at],
                    )?;
                }
                Entry::Mark(mark, None) => {
                    transaction.execute("DELETE FROM mark WHERE name = ?1", [mark.name()])?;
                }
                Entry::Records(_) => (),
            }
        }
        insert(&transaction, &mut self.steps, &mut self.last, entries)?;
        // Before the rows are seen: a reader leaves out what is about to be superseded, and finds
        // the byte set of what it sees.
        note(entries, first, shared);
        transaction.commit()
    }
}

/// The rows of one statement: it finds the end of the log once for all of them.
const ROWS: usize = 16;

/// The columns of a row.
const COLUMNS: usize = 10;

fn sql(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let columns = "seq, ordinal, id, stage, step, text, wake, full, attempts, hash";
    let values = vec![row; rows].join(", ");
    format!("INSERT INTO log ({columns}) VALUES {values}")
}

fn insert(
    transaction: &Transaction<'_>,
    steps: &mut HashMap<Cow<'static, str>, i64>,
    last: &mut i64,
    entries: &[Entry],
) -> rusqlite::Result<()> {
    let mut write = |statement: &mut Statement<'_>, row: usize, record: &Record| {
        let columns = record.stage.columns();
        let step = match columns.step {
            Some(name) => Some(step_number(transaction, steps, name)?),
            None => None,
        };
        *last += 1;
        let at = row * COLUMNS;
        statement.raw_bind_parameter(at + 1, *last)?;
        statement.raw_bind_parameter(at + 2, record.ordinal.cast_signed())?;
        statement.raw_bind_parameter(at + 3, record.id.cast_signed())?;
        statement.raw_bind_parameter(at + 4, columns.stage)?;
        statement.raw_bind_parameter(at + 5, step)?;
        statement.raw_bind_parameter(at + 6, columns.text)?;
        statement.raw_bind_parameter(at + 7, columns.wake)?;
        statement.raw_bind_parameter(at + 8, columns.full)?;
        statement.raw_bind_parameter(at + 9, columns.attempts)?;
        statement.raw_bind_parameter(at + COLUMNS, record.hash.map(u64::cast_signed))
    };
    let count: usize = entries.iter().map(|entry| entry.records().len()).sum();
    let mut records = entries.iter().flat_map(Entry::records);
    let mut many = transaction.prepare_cached(&sql(ROWS))?;
    for _ in 0..count / ROWS {
        for (row, record) in records.by_ref().take(ROWS).enumerate() {
            write(&mut many, row, record)?;
        }
        many.raw_execute()?;
    }
    let mut one = transaction.prepare_cached(&sql(1))?;
    for record in records {
        write(&mut one, 0, record)?;
        one.raw_execute()?;
    }
    Ok(())
}

/// The number of a step. One that the identity did not name gets one here.
fn step_number(
    transaction: &Transaction<'_>,
    steps: &mut HashMap<Cow<'static, str>, i64>,
    name: &str,
) -> rusqlite::Result<i64> {
    if let Some(&number) = steps.get(name) {
        return Ok(number);
    }
    transaction.execute("INSERT INTO step (name) VALUES (?1)", [name])?;
    let number = transaction.last_insert_rowid();
    steps.insert(Cow::Owned(name.to_owned()), number);
    Ok(number)
}

fn note(entries: &[Entry], first: i64, shared: &Shared) {
    let mut touched = shared.touched();
    let records = entries.iter().flat_map(Entry::records);
    for (seq, record) in (first..).zip(records) {
        let place = Place {
            ordinal: record.ordinal,
            seq,
        };
        let columns = record.stage.columns();
        touched.note(place, slice_of_far(columns.wake, columns.full));
    }
}

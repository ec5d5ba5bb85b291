//! One transaction of the writer: [`Pen`].

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

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
                Entry::Records(records) => {
                    insert(&transaction, &mut self.steps, &mut self.last, records)?;
                }
                Entry::Mark(mark, Some(at)) => {
                    transaction.execute(
                        "INSERT OR REPLACE INTO mark (name, at) VALUES (?1, ?2)",
                        params![mark.name(), at],
                    )?;
                }
                Entry::Mark(mark, None) => {
                    transaction.execute("DELETE FROM mark WHERE name = ?1", [mark.name()])?;
                }
            }
        }
        // Before the rows are seen: a reader leaves out what is about to be superseded, and finds
        // the byte set of what it sees.
        note(entries, first, shared);
        transaction.commit()
    }
}

fn insert(
    transaction: &Transaction<'_>,
    steps: &mut HashMap<Cow<'static, str>, i64>,
    last: &mut i64,
    records: &[Record],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO log (seq, ordinal, id, stage, step, text, wake, full, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for record in records {
        let columns = record.stage.columns();
        let step = match columns.step {
            Some(name) => Some(step_number(transaction, steps, name)?),
            None => None,
        };
        *last += 1;
        statement.execute(params![
            *last,
            record.ordinal.cast_signed(),
            record.id.cast_signed(),
            columns.stage,
            step,
            columns.text,
            columns.wake,
            columns.full,
            columns.attempts,
        ])?;
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
    let mut seq = first;
    for entry in entries {
        let Entry::Records(records) = entry else {
            continue;
        };
        for record in records {
            let place = Place {
                ordinal: record.ordinal,
                seq,
            };
            touched.note(place, record.stage.columns().wake.is_some());
            seq += 1;
        }
    }
}

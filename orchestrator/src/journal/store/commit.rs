//! One transaction of the writer: [`Pen`].

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, Statement, Transaction, TransactionBehavior};

use super::checksum::{self, Sealed};
use super::identity::Identity;
use super::inputs::Tail;
use super::newest::Place;
use super::queue::Entry;
use super::record::At;
use super::shared::Shared;
use super::summary::Summary;
use super::unchanged::Unchanged;

/// The connection that writes, and what it knows of the file.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) connection: Connection,
    pub(super) summary: Summary,
    /// The texts that later records of a task may have in common with this one.
    pub(super) unchanged: Unchanged,
    /// Written before anything else. Until then the file stays as it was.
    first: Option<First>,
    /// The numbers of the steps.
    steps: HashMap<Cow<'static, str>, i64>,
    inputs: Tail,
    /// About the number of pages that were written since the last checkpoint.
    pub(super) pages: u64,
}

/// About the bytes of a row beside its text.
const ROW_BYTES: usize = 32;
/// The pages of a commit that hold no records.
const OTHER_PAGES: u64 = 4;
pub(super) const PAGE: u64 = 4_096;

/// The identity and the clock of the process that writes.
#[derive(Debug)]
pub(super) struct First {
    pub(super) identity: Identity,
    pub(super) clock: u32,
    pub(super) clock_name: String,
}

impl Pen {
    pub(super) fn new(
        connection: Connection,
        summary: Summary,
        inputs: Tail,
        first: First,
    ) -> Self {
        Self {
            connection,
            summary,
            unchanged: Unchanged::default(),
            first: Some(first),
            steps: HashMap::new(),
            inputs,
            pages: 0,
        }
    }

    /// Whether something was written.
    pub(super) fn has_written(&self) -> bool {
        self.first.is_none()
    }

    /// Writes what comes before anything else, unless that was done.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        let Some(first) = self.first.take() else {
            return Ok(());
        };
        self.checkpoint(|transaction| {
            first.identity.write_steps(transaction)?;
            transaction.execute(
                "INSERT INTO clock (number, name) VALUES (?1, ?2)",
                (first.clock, &first.clock_name),
            )
        })?;
        self.steps = self
            .connection
            .prepare("SELECT name, number FROM step")?
            .query_map([], |row| {
                Ok((Cow::Owned(row.get::<_, String>(0)?), row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Writes entries in one transaction.
    pub(super) fn commit(&mut self, entries: &[Entry], shared: &Shared) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let first = self.summary.log_rows + 1;
        for entry in entries {
            match entry {
                Entry::Mark(mark, at) => self.summary.marks.set(*mark, *at),
                Entry::Inputs(hashes) => {
                    for hash in hashes {
                        self.inputs.push(&transaction, *hash)?;
                        self.summary.inputs += 1;
                    }
                }
                Entry::ChangedInputs(hashes) => {
                    for (ordinal, hash) in hashes {
                        self.inputs.change(&transaction, *ordinal, *hash)?;
                    }
                }
                Entry::Records(_) => (),
            }
        }
        self.inputs.write(&transaction)?;
        let mut insertion = Insertion {
            transaction: &transaction,
            steps: &mut self.steps,
            summary: &mut self.summary,
            unchanged: &mut self.unchanged,
            bytes: 0,
        };
        insertion.insert(entries)?;
        let bytes = insertion.bytes;
        self.summary.log_bytes += bytes.cast_signed();
        self.summary.needs_wal = false;
        self.summary.write(&transaction)?;
        // Before the rows are seen: a reader leaves out what is about to be superseded, and finds
        // the byte set of what it sees.
        note(entries, first, shared);
        self.pages += bytes / PAGE + OTHER_PAGES;
        transaction.commit()
    }
}

/// The rows of one statement: it finds the end of the log once for all of them.
const ROWS: usize = 16;

/// The columns of a row.
const COLUMNS: usize = 6;

fn sql(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?)";
    let columns = "seq, ordinal, id, at, checksum, text";
    let values = vec![row; rows].join(", ");
    format!("INSERT INTO log ({columns}) VALUES {values}")
}

/// The records of one transaction on their way into `log`.
struct Insertion<'a> {
    transaction: &'a Transaction<'a>,
    steps: &'a mut HashMap<Cow<'static, str>, i64>,
    summary: &'a mut Summary,
    unchanged: &'a mut Unchanged,
    bytes: u64,
}

impl Insertion<'_> {
    fn insert(&mut self, entries: &[Entry]) -> rusqlite::Result<()> {
        let count: usize = entries.iter().map(|entry| entry.records().len()).sum();
        let mut records = entries.iter().flat_map(Entry::records);
        let transaction = self.transaction;
        let mut many = transaction.prepare_cached(&sql(ROWS))?;
        for _ in 0..count / ROWS {
            for (row, record) in records.by_ref().take(ROWS).enumerate() {
                self.bind(&mut many, row, record)?;
            }
            many.raw_execute()?;
        }
        let mut one = transaction.prepare_cached(&sql(1))?;
        for record in records {
            self.bind(&mut one, 0, record)?;
            one.raw_execute()?;
        }
        Ok(())
    }

    fn bind(
        &mut self,
        statement: &mut Statement<'_>,
        row: usize,
        sealed: &Sealed,
    ) -> rusqlite::Result<()> {
        let record = &sealed.record;
        let columns = record.stage.columns();
        let step = match columns.step {
            Some(name) => Some(step_number(self.transaction, self.steps, name)?),
            None => None,
        };
        self.summary.log_rows += 1;
        let seq = self.summary.log_rows;
        let sum = checksum::of_log_row(seq, record.ordinal, sealed.checksum);
        self.summary.log_sum = self.summary.log_sum.wrapping_add(sum);
        let ordinal = record.ordinal.cast_signed();
        let at = row * COLUMNS;
        statement.raw_bind_parameter(at + 1, seq)?;
        statement.raw_bind_parameter(at + 2, ordinal)?;
        // Ids that count like the ordinals take no byte then.
        let id = record.id.cast_signed().wrapping_sub(ordinal);
        statement.raw_bind_parameter(at + 3, id)?;
        match At::new(&columns, step) {
            At::Number(number) => statement.raw_bind_parameter(at + 4, number)?,
            At::Waits(text) => statement.raw_bind_parameter(at + 4, text)?,
        }
        statement.raw_bind_parameter(at + 5, sealed.checksum)?;
        if let Some(same) = self.unchanged.find(sealed, seq) {
            statement.raw_bind_parameter(at + COLUMNS, same)?;
        } else {
            self.bytes += columns.text.len() as u64;
            statement.raw_bind_parameter(at + COLUMNS, columns.text)?;
        }
        self.bytes += ROW_BYTES as u64;
        Ok(())
    }
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
    for (seq, Sealed { record, .. }) in (first..).zip(records) {
        let place = Place {
            ordinal: record.ordinal,
            seq,
        };
        let wake = record.stage.columns().wake;
        touched.note(place, shared.timeline.due_far(wake.as_ref()));
    }
}

//! The file's summary of itself: [`Summary`]. The rest of the file must agree with it.

use rusqlite::{Connection, OptionalExtension as _};

use super::checksum;
use super::error::Damage;
use super::shared::Marks;

/// One row that each commit writes. The tables are checked against it when the journal is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// How many commits there were. The main file is never ahead of its write-ahead log.
    pub(super) commits: i64,
    /// All commits up to this one are in the main file.
    pub(super) checkpointed: i64,
    /// How many pages of the write-ahead log the last checkpoint had to leave there, because another connection was reading an
    /// older state.
    pub(super) held_pages: i64,
    /// Whether commits may follow that are in the write-ahead log alone. So a main file that says this is not whole
    /// without its log.
    pub(super) needs_wal: bool,
    /// When the commit was made, in unix milliseconds.
    pub(super) written: i64,
    /// The number of rows in `log`, and the sum of [`checksum::of_log_row`] over them.
    pub(super) log_rows: i64,
    pub(super) log_sum: u64,
    /// About the bytes that the rows of `log` take.
    pub(super) log_bytes: i64,
    /// The number of rows in `task`, and the sum of [`checksum::of_task_row`] over them.
    pub(super) tasks: i64,
    pub(super) tasks_sum: u64,
    /// Of how many tasks, from the first on, the input's hash is known.
    pub(super) inputs: i64,
    pub(super) marks: Marks,
    /// The hash of what the journal is of.
    pub(super) identity: u64,
}

const COLUMNS: usize = 16;

/// The table of the one row. `checksum` covers the other columns.
pub(super) const TABLE: &str = "
    CREATE TABLE summary (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        commits INTEGER NOT NULL,
        checkpointed INTEGER NOT NULL,
        held_pages INTEGER NOT NULL,
        needs_wal INTEGER NOT NULL,
        written INTEGER NOT NULL,
        log_rows INTEGER NOT NULL,
        log_sum INTEGER NOT NULL,
        log_bytes INTEGER NOT NULL,
        tasks INTEGER NOT NULL,
        tasks_sum INTEGER NOT NULL,
        inputs INTEGER NOT NULL,
        -- When all tasks had come, when all had ended, whether they are read or were sent; 0 if not. Unix milliseconds.
        taken INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        read INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        identity INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    );
";

impl Summary {
    /// Reads the row. `Err` in the inner result if it is damaged.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Result<Self, Damage>> {
        let mut statement = connection.prepare_cached(
            "SELECT commits, checkpointed, held_pages, needs_wal, written, log_rows, log_sum, log_bytes, tasks,
                 tasks_sum, inputs, taken, finished, read, sent, identity, checksum
             FROM summary WHERE one = 1",
        )?;
        let read = statement.query_row([], |row| {
            let mut numbers = [0; COLUMNS];
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = row.get(at)?;
            }
            Ok((numbers, row.get::<_, u32>(COLUMNS)?))
        });
        let Some((numbers, sum)) = read.optional()? else {
            return Ok(Err(Damage("its summary is missing")));
        };
        if checksum::of_numbers(&numbers) != sum {
            return Ok(Err(Damage("its summary does not match its checksum")));
        }
        let mark = |at: i64| (at != 0).then_some(at);
        let [
            commits,
            checkpointed,
            held_pages,
            needs_wal,
            written,
            log_rows,
            log_sum,
            log_bytes,
            rest @ ..,
        ] = numbers;
        let [
            tasks,
            tasks_sum,
            inputs,
            taken,
            finished,
            read,
            sent,
            identity,
        ] = rest;
        Ok(Ok(Self {
            commits,
            checkpointed,
            held_pages,
            needs_wal: needs_wal != 0,
            written,
            log_rows,
            log_sum: log_sum.cast_unsigned(),
            log_bytes,
            tasks,
            tasks_sum: tasks_sum.cast_unsigned(),
            inputs,
            marks: Marks {
                taken: mark(taken),
                finished: mark(finished),
                read: mark(read),
                sent: mark(sent),
            },
            identity: identity.cast_unsigned(),
        }))
    }

    /// Writes the row of the next commit.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.commits += 1;
        self.written = now();
        let numbers = self.numbers();
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO summary (one, commits, checkpointed, held_pages, needs_wal, written, log_rows, log_sum,
                 log_bytes, tasks, tasks_sum, inputs, taken, finished, read, sent, identity, checksum)
             VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for (at, number) in numbers.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, number)?;
        }
        statement.raw_bind_parameter(COLUMNS + 1, checksum::of_numbers(&numbers))?;
        statement.raw_execute().map(drop)
    }

    fn numbers(&self) -> [i64; COLUMNS] {
        // A time of 0 would read as none.
        let mark = |at: Option<i64>| at.map_or(0, |at| if at == 0 { 1 } else { at });
        [
            self.commits,
            self.checkpointed,
            self.held_pages,
            self.needs_wal.into(),
            self.written,
            self.log_rows,
            self.log_sum.cast_signed(),
            self.log_bytes,
            self.tasks,
            self.tasks_sum.cast_signed(),
            self.inputs,
            mark(self.marks.taken),
            mark(self.marks.finished),
            mark(self.marks.read),
            mark(self.marks.sent),
            self.identity.cast_signed(),
        ]
    }
}

/// The time of day in unix milliseconds.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

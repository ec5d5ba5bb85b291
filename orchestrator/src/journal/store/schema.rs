//! The tables, and what stands in the file's header.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::{inputs, summary};

/// "Orch" in ASCII: which `SQLite` files are journals.
pub(super) const APPLICATION_ID: i64 = 0x4f72_6368;

/// The layout of the tables. A file with another one is refused.
pub(super) const FORMAT: i64 = 2;

/// Unix milliseconds; without `unixepoch('subsec')`, which older shells lack.
macro_rules! now_ms {
    () => {
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    };
}

/// Stage, step and attempts of a task as one number, from the column `at`. For a task that waits for a time it is the second
/// number there.
macro_rules! number {
    () => {
        "CASE typeof(at) WHEN 'text' THEN CAST(substr(at, 21) AS INTEGER) ELSE at END"
    };
}

// `id` is the task's id less its ordinal, so that ids that count like ordinals take no byte.
// `at` is described at `record::At`. `text` is the next step's input, the output, or the error's message.
// There is no index on `log`: records come in no order of ordinals nor of wake-up times, and a tree that
// is written all over is what would bound the rate. See `touched.rs` for what is known of it instead.
const TABLES: &str = concat!(
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE fact (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value TEXT NOT NULL);
    CREATE TABLE step (
        number INTEGER PRIMARY KEY CHECK (number < 65536),
        name TEXT NOT NULL UNIQUE,
        -- Set for a step that the blueprint has no more, and that no task waits for.
        gone INTEGER NOT NULL DEFAULT 0
    );
    -- The clock that each process recorded delays with. The same name is the same clock, which lasts as long as the machine
    -- runs, or the process.
    CREATE TABLE clock (number INTEGER PRIMARY KEY, name TEXT NOT NULL);

    -- All records since the log was last folded into `task`. The text of a record may be the number of the row that has it; 0
    -- is the task's row in `task`.
    CREATE TABLE log (
        seq INTEGER PRIMARY KEY,
        ordinal INTEGER NOT NULL,
        id INTEGER NOT NULL,
        at NOT NULL,
        checksum INTEGER NOT NULL,
        text NOT NULL
    );

    -- The newest record of each task, as of the last folding.
    CREATE TABLE task (
        ordinal INTEGER PRIMARY KEY,
        id INTEGER NOT NULL,
        at NOT NULL,
        checksum INTEGER NOT NULL,
        text TEXT NOT NULL
    );

    CREATE VIEW recorded AS
        SELECT ordinal, id, at, CASE typeof(text) WHEN 'text' THEN text ELSE COALESCE(
                (SELECT same.text FROM log same WHERE same.seq = log.text),
                (SELECT task.text FROM task WHERE task.ordinal = log.ordinal)
            ) END AS text
            FROM log WHERE seq IN (SELECT MAX(seq) FROM log GROUP BY ordinal)
        UNION ALL
        SELECT ordinal, id, at, text FROM task WHERE ordinal NOT IN (SELECT ordinal FROM log);

    -- stage: 0 waits for a step, or is in it; 1 completed, 2 failed, 3 timed out, 4 panicked. wake: unix milliseconds.
    CREATE VIEW newest AS
        SELECT ordinal, ordinal + id AS id, ",
    number!(),
    " & 7 AS stage, NULLIF(",
    number!(),
    " >> 3 & 65535, 0) AS step, CASE typeof(at) WHEN 'text' THEN CAST(at AS INTEGER) END AS wake, text FROM recorded;

    -- For a person with SQLite's shell: SELECT * FROM now WHERE state = 'failed'.
    CREATE VIEW now AS
        SELECT
            newest.ordinal AS ordinal,
            CASE WHEN newest.id < 0 THEN printf('%u', newest.id) ELSE newest.id END AS task_id,
            step.name AS step,
            CASE newest.stage
                WHEN 0 THEN CASE WHEN newest.wake > ",
    now_ms!(),
    " THEN 'waiting' ELSE 'ready' END
                WHEN 1 THEN 'completed'
                ELSE 'failed'
            END AS state,
            strftime('%Y-%m-%dT%H:%M:%fZ', newest.wake / 1000.0, 'unixepoch') AS wake,
            newest.text AS json
        FROM newest LEFT JOIN step ON step.number = newest.step;
"
);

/// Makes a journal of an empty file.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    // In a file that is still empty: a page size can be set in no other.
    connection.execute_batch("PRAGMA page_size = 4096;")?;
    // At once: each statement alone would wait for the disk several times.
    let transaction = connection.unchecked_transaction()?;
    for tables in [TABLES, summary::TABLE, inputs::TABLE] {
        transaction.execute_batch(tables)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Sets up a connection for writing.
pub(super) fn for_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA busy_timeout = 10000;
        PRAGMA cache_size = -16000;
        -- The writer makes checkpoints itself.
        PRAGMA wal_autocheckpoint = 0;
        ",
    )?;
    // Only a run that has ended well empties its log: one that was refused leaves it as it was.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    rusqlite::vtab::array::load_module(connection)?;
    // A plain fsync leaves the data in the drive's own cache there.
    if cfg!(target_os = "macos") {
        connection.execute_batch("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;")?;
    }
    Ok(())
}

//! The tables, and what stands in the file's header.

use rusqlite::Connection;

use super::far::{far_ms, slice_ms};

/// "Orch" in ASCII: which `SQLite` files are journals.
pub(super) const APPLICATION_ID: i64 = 0x4f72_6368;

/// The layout of the tables. A file with a higher one is refused.
pub(super) const FORMAT: i64 = 1;

/// Unix milliseconds; without `unixepoch('subsec')`, which older shells lack.
macro_rules! now_ms {
    () => {
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    };
}

/// In a file that is empty as yet: a page size can be set in no other.
const SETTINGS: &str = "
    PRAGMA page_size = 4096;
    -- So that a finished journal can give back the room that its log took.
    PRAGMA auto_vacuum = INCREMENTAL;
";

// The columns of `log` stand in this order so that what is looked at most comes first in a row.
// There is no index on `log`: records come in no order of ordinals nor of wake-up times, and a tree that
// is written all over is what would bound the rate. See `touched.rs` for what is known of it instead.
const TABLES: &str = concat!(
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE fact (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value TEXT NOT NULL);
    CREATE TABLE step (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        -- Set for a step that the blueprint has no more, and no task stands at.
        gone INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE mark (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;

    -- stage: 0 stands before a step, 1 completed, 2 failed, 3 timed out, 4 panicked.
    -- text: the step's input, the output, or the error's message. wake: unix ms. full: ms.
    -- hash: of the first step's input, where ids are unique.
    CREATE TABLE log (
        seq INTEGER PRIMARY KEY,
        ordinal INTEGER NOT NULL,
        id INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        step INTEGER,
        text TEXT NOT NULL,
        wake INTEGER,
        full INTEGER,
        attempts INTEGER,
        hash INTEGER
    );

    CREATE TABLE task (
        ordinal INTEGER PRIMARY KEY,
        id INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        step INTEGER,
        text TEXT NOT NULL,
        wake INTEGER,
        full INTEGER,
        attempts INTEGER,
        hash INTEGER
    );
    CREATE INDEX task_far ON task (wake / ",
    slice_ms!(),
    ") WHERE full > ",
    far_ms!(),
    ";

    CREATE VIEW newest AS
        SELECT ordinal, id, stage, step, text, wake, full, attempts FROM log
            WHERE seq IN (SELECT MAX(seq) FROM log GROUP BY ordinal)
        UNION ALL
        SELECT ordinal, id, stage, step, text, wake, full, attempts FROM task
            WHERE ordinal NOT IN (SELECT ordinal FROM log);

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
    connection.execute_batch(SETTINGS)?;
    // At once: each statement alone would wait for the disk several times.
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// What the connection that writes is set to.
pub(super) fn for_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA busy_timeout = 10000;
        PRAGMA cache_size = -16000;
        ",
    )?;
    // A plain fsync leaves the data in the drive's own cache there.
    if cfg!(target_os = "macos") {
        connection.execute_batch("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;")?;
    }
    Ok(())
}

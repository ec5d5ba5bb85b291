//! Copying the write-ahead log into the main file.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::commit::Pen;

impl Pen {
    /// Copies the write-ahead log into the main file, as far as readers allow, and begins it anew.
    ///
    /// A commit before it says that the main file is not whole without its log from now on, and one after it up to where it is.
    /// With these, files that do not belong together are noticed. `also` writes with the first one.
    pub(super) fn checkpoint<T>(
        &mut self,
        also: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<()> {
        self.write_summary(true, also)?;
        // A failure here loses nothing: the log is kept, and the next checkpoint copies it.
        if let Ok(left) = checkpoint(&self.connection, "PASSIVE") {
            self.summary.held_pages = left;
            if left == 0 {
                self.summary.checkpointed = self.summary.commits;
            }
        }
        self.pages = 0;
        self.write_summary(false, |_| Ok(()))
    }

    /// Copies all of the write-ahead log into the main file, and has it deleted when the connection is closed. Nothing is
    /// written after that.
    pub(super) fn checkpoint_all(&self) -> rusqlite::Result<()> {
        if checkpoint(&self.connection, "TRUNCATE")? == 0 {
            self.delete_log_on_close()?;
        }
        Ok(())
    }

    /// Has the last connection that is closed delete the write-ahead log.
    pub(super) fn delete_log_on_close(&self) -> rusqlite::Result<()> {
        let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(config, false).map(drop)
    }

    fn write_summary<T>(
        &mut self,
        needs_wal: bool,
        also: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        also(&transaction)?;
        self.summary.needs_wal = needs_wal;
        self.summary.write(&transaction)?;
        transaction.commit()
    }
}

/// Returns how many pages of the log were not copied.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (is_busy, pages, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let left = pages.saturating_sub(copied);
        Ok(if is_busy { left.max(1) } else { left })
    })
}

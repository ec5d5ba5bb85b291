//! Folding the log into `task`: [`Compaction`].

use rusqlite::TransactionBehavior;

use super::commit::Pen;
use super::newest::Newest;
use super::shared::Shared;

/// A log that is shorter is left alone.
pub(super) const SHORT: u64 = 500_000;

/// When the log is folded into `task`.
#[derive(Debug)]
pub(super) struct Compaction {
    /// The fewest rows of the log that are worth it.
    pub(super) short: u64,
    /// About the number of rows of `task`: one more than its highest ordinal.
    pub(super) tasks: u64,
}

impl Compaction {
    /// Folds a log that is long. One that has half as many rows as `task` is: so all that the
    /// rewriting costs is a constant share of the appending.
    pub(super) fn if_long(&mut self, pen: &mut Pen, shared: &Shared) -> rusqlite::Result<()> {
        if pen.last.cast_unsigned() <= self.short.max(self.tasks / 2) {
            return Ok(());
        }
        self.fold(pen, shared)
    }

    /// Folds the log and gives the room that it took back to the file system.
    pub(super) fn at_the_end(&mut self, pen: &mut Pen, shared: &Shared) -> rusqlite::Result<()> {
        if pen.last > 0 {
            self.fold(pen, shared)?;
        }
        let mut statement = pen.connection.prepare("PRAGMA incremental_vacuum")?;
        let mut rows = statement.query([])?;
        // Each step frees one page.
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn fold(&mut self, pen: &mut Pen, shared: &Shared) -> rusqlite::Result<()> {
        let newest = Newest::scan(&pen.connection, |_, _| ())?;
        let transaction = pen
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut move_row = transaction.prepare_cached(
            "INSERT OR REPLACE INTO task (ordinal, id, stage, step, text, wake, full, attempts, hash)
             SELECT ordinal, id, stage, step, text, wake, full, attempts, hash FROM log WHERE seq = ?1",
        )?;
        // In order of ordinal, so that `task` is written from front to back.
        for place in newest.all() {
            move_row.execute([place.seq])?;
        }
        drop(move_row);
        transaction.execute("DELETE FROM log", [])?;
        {
            // From the commit on what was in the log is in `task`: readers see both before it, or
            // both after it.
            let mut as_of_opening = shared.newest_mut();
            transaction.commit()?;
            as_of_opening.clear();
            shared.touched().clear();
        }
        pen.last = 0;
        if let Some(place) = newest.all().last() {
            self.tasks = self.tasks.max(place.ordinal.saturating_add(1));
        }
        Ok(())
    }
}

//! How many rows `task` has, range by range: [`Folded`].

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::Connection;

use super::checksum;
use super::error::Damage;
use super::record::{Wake, wake_of};

/// How many ordinals are counted together.
const CHUNK: u64 = 1_024;

/// How many rows `task` has in each range of ordinals.
///
/// A damaged page can hide rows from a search by ordinal while a scan still finds them, so a search is checked
/// against these counts.
#[derive(Debug, Default)]
pub(super) struct Folded {
    counts: BTreeMap<u64, u32>,
    /// One more than the highest ordinal.
    end: u64,
}

impl Folded {
    /// Scans a table that must have this many rows and this sum. Passes on when each task that waits for a time wakes.
    pub(super) fn scan(
        connection: &Connection,
        rows: i64,
        sum: u64,
        mut waits: impl FnMut(u64, Wake),
    ) -> rusqlite::Result<Result<Self, Damage>> {
        let mut folded = Self::default();
        let (mut count, mut found) = (0, 0);
        let mut statement = connection.prepare(
            "SELECT ordinal, checksum, CASE typeof(at) WHEN 'text' THEN at ELSE 0 END FROM task ORDER BY ordinal",
        )?;
        let mut all = statement.query([])?;
        while let Some(row) = all.next()? {
            let ordinal = row.get::<_, i64>(0)?.cast_unsigned();
            if ordinal < folded.end || ordinal > i64::MAX.cast_unsigned() {
                return Ok(Err(Damage("its tasks are out of order")));
            }
            match wake_of(row.get_ref(2)?) {
                Ok(Some(wake)) => waits(ordinal, wake),
                Ok(None) => {}
                Err(damage) => return Ok(Err(damage)),
            }
            count += 1;
            found = checksum::of_task_row(ordinal, row.get(1)?).wrapping_add(found);
            folded.add(ordinal);
        }
        if count != rows || found != sum {
            return Ok(Err(Damage("its tasks are not what was written")));
        }
        Ok(Ok(folded))
    }

    /// Counts a row that is new.
    pub(super) fn add(&mut self, ordinal: u64) {
        *self.counts.entry(ordinal / CHUNK).or_default() += 1;
        self.end = self.end.max(ordinal.saturating_add(1));
    }

    /// One more than the highest ordinal.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the number of rows that a search of this range must find, if it is counted: if it begins and ends with a
    /// counted range, or ends beyond all rows.
    pub(super) fn within(&self, range: &Range<u64>) -> Option<u64> {
        let is_whole = range.start.is_multiple_of(CHUNK)
            && (range.end.is_multiple_of(CHUNK) || range.end >= self.end);
        if !is_whole || range.is_empty() {
            return None;
        }
        let (first, end) = (range.start / CHUNK, range.end.min(self.end).div_ceil(CHUNK));
        let counts = self.counts.range(first..end.max(first));
        Some(counts.map(|(_, &count)| u64::from(count)).sum())
    }
}

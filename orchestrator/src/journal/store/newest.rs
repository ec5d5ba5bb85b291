//! Which rows of the log are the newest of their tasks: [`Newest`].

use std::ops::Range;

use rusqlite::Connection;

use super::checksum;
use super::error::Damage;
use super::record::{Wake, wake_of};

/// A row of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) ordinal: u64,
    pub(super) seq: i64,
}

/// For each ordinal that the log has, its newest row; in order of ordinal.
#[derive(Debug, Default)]
pub(super) struct Newest(Vec<Place>);

/// A row as a scan of the log reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogRow {
    pub(super) place: Place,
    pub(super) checksum: u32,
    pub(super) wake: Option<Wake>,
    /// The row that has this one's text; 0 for the one of `task`. `None` if it has its own.
    pub(super) text_at: Option<i64>,
}

impl Newest {
    /// Scans a log that must have this many rows and this sum, and passes each row to `also`, in order.
    pub(super) fn scan(
        connection: &Connection,
        rows: i64,
        sum: u64,
        mut also: impl FnMut(&LogRow),
    ) -> rusqlite::Result<Result<Self, Damage>> {
        let mut places = Vec::new();
        let mut found = 0;
        let mut statement = connection.prepare(
            "SELECT seq, ordinal, at, checksum, CASE typeof(text) WHEN 'integer' THEN text END FROM log ORDER BY seq",
        )?;
        let mut all = statement.query([])?;
        while let Some(row) = all.next()? {
            let place = Place {
                seq: row.get(0)?,
                ordinal: row.get::<_, i64>(1)?.cast_unsigned(),
            };
            let checksum = row.get(3)?;
            let wake = match wake_of(row.get_ref(2)?) {
                Ok(wake) => wake,
                Err(damage) => return Ok(Err(damage)),
            };
            found = checksum::of_log_row(place.seq, place.ordinal, checksum).wrapping_add(found);
            places.push(place);
            // They are numbered from 1, without gaps.
            if place.seq != i64::try_from(places.len()).unwrap_or(i64::MAX) {
                return Ok(Err(Damage("its log has a gap")));
            }
            also(&LogRow {
                place,
                checksum,
                wake,
                text_at: row.get(4)?,
            });
        }
        if rows != i64::try_from(places.len()).unwrap_or(i64::MAX) || found != sum {
            return Ok(Err(Damage("its log is not what was written")));
        }
        places.sort_unstable();
        // `dedup` keeps the first of equals, and the newest is the last: keep it in the first.
        places.dedup_by(|later, kept| {
            let same = later.ordinal == kept.ordinal;
            if same {
                kept.seq = later.seq;
            }
            same
        });
        places.shrink_to_fit();
        Ok(Ok(Self(places)))
    }

    pub(super) fn all(&self) -> &[Place] {
        &self.0
    }

    /// Those in a range of ordinals.
    pub(super) fn within(&self, range: &Range<u64>) -> &[Place] {
        let from = self.0.partition_point(|place| place.ordinal < range.start);
        let to = self.0.partition_point(|place| place.ordinal < range.end);
        self.0.get(from..to).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

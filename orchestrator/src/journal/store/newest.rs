//! Which rows of the log are the newest of their tasks: [`Newest`].

use std::ops::Range;

use rusqlite::Connection;

use super::far::slice_of_far;

/// A row of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) ordinal: u64,
    pub(super) seq: i64,
}

/// For each ordinal that the log has, its newest row; in order of ordinal.
#[derive(Debug, Default)]
pub(super) struct Newest(Vec<Place>);

impl Newest {
    /// Scans the log; `also` is told of each row, in order, and of the slice that its far delay ends in.
    pub(super) fn scan(
        connection: &Connection,
        mut also: impl FnMut(Place, Option<i64>),
    ) -> rusqlite::Result<Self> {
        let mut places = Vec::new();
        let mut statement =
            connection.prepare("SELECT seq, ordinal, wake, full FROM log ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let place = Place {
                seq: row.get(0)?,
                ordinal: row.get::<_, i64>(1)?.cast_unsigned(),
            };
            also(place, slice_of_far(row.get(2)?, row.get(3)?));
            places.push(place);
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
        Ok(Self(places))
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

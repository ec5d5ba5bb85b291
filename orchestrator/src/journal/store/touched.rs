//! What is known of the tasks that the log has rows of: [`Touched`].

use std::collections::{BTreeMap, HashMap};

use super::far::slice;
use super::newest::Place;
use super::rows::Rows;

/// Ordinals in a chunk: they come close together, and a chunk has a byte for each.
const CHUNK: u64 = 4096;

/// The log has a row of it.
const IN_LOG: u8 = 1;
/// The newest of these is in a far delay.
const WAITS: u8 = 2;
/// At least one of these is in a far delay.
const WAITED: u8 = 4;

/// Tells which rows are of far delays that end in a slice of time, and which of them are their tasks'
/// newest, without an index on the log: a byte for a task that the log has a row of, one or two for
/// each row of a far delay, and an entry for a task that the log has in more than one of these.
#[derive(Debug, Default)]
pub(super) struct Touched {
    chunks: HashMap<u64, Box<[u8]>>,
    /// The newest far delay of a task that the log has in several.
    again: HashMap<u64, i64>,
    /// The rows of far delays, by the slice that they end in.
    slices: BTreeMap<i64, Rows>,
}

impl Touched {
    /// Takes note of a row, in order of rows, and of the slice of time that its far delay ends in.
    pub(super) fn note(&mut self, place: Place, slice: Option<i64>) {
        let chunk = self
            .chunks
            .entry(place.ordinal / CHUNK)
            .or_insert_with(|| vec![0; usize::try_from(CHUNK).unwrap_or(0)].into_boxed_slice());
        let Some(byte) = chunk.get_mut(index(place.ordinal)) else {
            return;
        };
        if let Some(slice) = slice {
            self.slices.entry(slice).or_default().push(place.seq);
            if *byte & WAITED != 0 {
                self.again.insert(place.ordinal, place.seq);
            }
            *byte |= IN_LOG | WAITS | WAITED;
        } else {
            *byte = *byte & WAITED | IN_LOG;
        }
    }

    /// The rows of far delays that end in the slices that the times `(after, until]` are in; in order.
    pub(super) fn far_within(&self, after: i64, until: i64) -> Vec<i64> {
        if after >= until {
            return Vec::new();
        }
        let slices = self.slices.range(slice(after)..=slice(until));
        let mut rows: Vec<_> = slices.flat_map(|(_, rows)| rows.iter()).collect();
        rows.sort_unstable();
        rows
    }

    /// Whether this row, which is of a far delay, is its task's newest.
    pub(super) fn still_waits(&self, place: Place) -> bool {
        self.byte(place.ordinal) & WAITS != 0
            && self
                .again
                .get(&place.ordinal)
                .is_none_or(|&seq| seq == place.seq)
    }

    /// Whether the log has a row of it, which is newer than any in `task`.
    pub(super) fn in_log(&self, ordinal: u64) -> bool {
        self.byte(ordinal) & IN_LOG != 0
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn byte(&self, ordinal: u64) -> u8 {
        let chunk = self.chunks.get(&(ordinal / CHUNK));
        chunk
            .and_then(|chunk| chunk.get(index(ordinal)).copied())
            .unwrap_or(0)
    }
}

fn index(ordinal: u64) -> usize {
    usize::try_from(ordinal % CHUNK).unwrap_or(0)
}

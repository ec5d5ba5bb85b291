//! An index in memory of the tasks that the log has rows of: [`Touched`].

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

/// Says which rows are of far delays that end in a slice of time, and which of them are their tasks' newest.
///
/// There is no index on disk for this. It takes a byte for a task that the log has a row of, one or two for each row of a far
/// delay, and an entry for a task that the log has in more than one of these.
#[derive(Debug, Default)]
pub(super) struct Touched {
    chunks: HashMap<u64, Box<[u8]>>,
    /// The newest far delay of a task that the log has in several.
    again: HashMap<u64, i64>,
    /// The rows of far delays, by the slice that they end in.
    slices: BTreeMap<i64, Slice>,
}

#[derive(Debug, Default)]
struct Slice {
    /// Rows of `log`.
    log: Rows,
    /// Ordinals in `task`. Some may have been superseded there since.
    task: Rows,
}

/// Rows of far delays that end in some slices; in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Far {
    pub(super) log: Vec<i64>,
    pub(super) task: Vec<i64>,
}

impl Touched {
    /// Takes note of a row of `log`, in order of rows, and of the time at which its far delay ends.
    pub(super) fn note(&mut self, place: Place, due: Option<i64>) {
        let chunk = self
            .chunks
            .entry(place.ordinal / CHUNK)
            .or_insert_with(|| vec![0; usize::try_from(CHUNK).unwrap_or(0)].into_boxed_slice());
        let Some(byte) = chunk.get_mut(index(place.ordinal)) else {
            return;
        };
        if let Some(due) = due {
            let slice = self.slices.entry(slice(due)).or_default();
            slice.log.push(place.seq);
            if *byte & WAITED != 0 {
                self.again.insert(place.ordinal, place.seq);
            }
            *byte |= IN_LOG | WAITS | WAITED;
        } else {
            *byte = *byte & WAITED | IN_LOG;
        }
    }

    /// Takes note of a task whose row in `task` is of a far delay that ends at this time.
    pub(super) fn note_folded(&mut self, ordinal: u64, due: i64) {
        let slice = self.slices.entry(slice(due)).or_default();
        slice.task.push(ordinal.cast_signed());
    }

    /// Returns the rows of far delays that end in the slices that the times `[after, until)` are in.
    pub(super) fn far_within(&self, after: i64, until: i64) -> Far {
        let mut far = Far::default();
        if after >= until {
            return far;
        }
        for (_, slice) in self.slices.range(slice(after)..=slice(until - 1)) {
            far.log.extend(slice.log.iter());
            far.task.extend(slice.task.iter());
        }
        far.log.sort_unstable();
        far.task.sort_unstable();
        far.task.dedup();
        far
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

    /// The log has been folded into `task`. `ordinals` has those of its rows, by row.
    pub(super) fn fold(&mut self, ordinals: &[u64]) {
        let mut slices = std::mem::take(&mut self.slices);
        for slice in slices.values_mut() {
            for seq in std::mem::take(&mut slice.log).iter() {
                let row = usize::try_from(seq - 1).unwrap_or(usize::MAX);
                if let Some(&ordinal) = ordinals.get(row)
                    && self.still_waits(Place { ordinal, seq })
                {
                    slice.task.push(ordinal.cast_signed());
                }
            }
        }
        *self = Self {
            slices,
            ..Self::default()
        };
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

//! Which rows have a later row with the same id: [`Superseded`], found by an [`IdSorter`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Ids sorted in memory at a time: 1 MiB of them, so that a long file takes no more than a short
/// one.
const RUN: usize = 64 * 1024;
/// An id and its row's ordinal, as they are written down.
const ENTRY: usize = 16;
/// What all runs together may hold in memory while they are merged.
const MERGE_BUDGET: usize = 2 * 1024 * 1024;
/// What one run holds in memory while it is merged, at most.
const MERGE_BUFFER: usize = 16 * 1024;

/// The rows whose result is not kept, because a later row has the same id. One bit a row.
#[derive(Debug, Default)]
pub(crate) struct Superseded {
    bits: Vec<u64>,
    count: u64,
}

impl Superseded {
    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether the row with this ordinal is one of them.
    pub(crate) fn contains(&self, ordinal: u64) -> bool {
        let word = usize::try_from(ordinal / 64)
            .ok()
            .and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (ordinal % 64) & 1 == 1)
    }

    fn insert(&mut self, ordinal: u64) -> io::Result<()> {
        let at = usize::try_from(ordinal / 64).map_err(io::Error::other)?;
        if at >= self.bits.len() {
            self.bits.resize(at + 1, 0);
        }
        self.bits[at] |= 1 << (ordinal % 64);
        self.count += 1;
        Ok(())
    }
}

/// One row, as it is sorted: the rows of an id come together, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: u64,
    ordinal: u64,
}

/// Takes the ids of all rows in turn and tells which rows are superseded.
///
/// Sorting beats a set of the ids seen: its memory does not grow with the file, and it does not
/// matter to it whether the ids are dense or random. What does not fit one run goes to an unlinked
/// temporary file.
#[derive(Debug)]
pub(crate) struct IdSorter {
    run: Vec<Entry>,
    run_length: usize,
    next_ordinal: u64,
    spilled: Option<Spilled>,
}

/// The sorted runs that are on disk.
#[derive(Debug)]
struct Spilled {
    file: File,
    /// How many entries each run has, in the order of the file.
    lengths: Vec<u64>,
}

impl IdSorter {
    pub(crate) fn new() -> Self {
        Self::with_run_length(RUN)
    }

    fn with_run_length(run_length: usize) -> Self {
        Self {
            run: Vec::new(),
            run_length,
            next_ordinal: 0,
            spilled: None,
        }
    }

    /// Takes the id of the next row.
    pub(crate) fn push(&mut self, id: u64) -> io::Result<()> {
        if self.run.len() == self.run_length {
            self.spill()?;
        }
        self.run.push(Entry {
            id,
            ordinal: self.next_ordinal,
        });
        self.next_ordinal += 1;
        Ok(())
    }

    /// How many rows there were.
    pub(crate) fn rows(&self) -> u64 {
        self.next_ordinal
    }

    /// The rows that are superseded.
    pub(crate) fn finish(mut self) -> io::Result<Superseded> {
        if self.spilled.is_some() {
            self.spill()?;
        }
        let mut marker = Marker::default();
        match self.spilled {
            None => {
                self.run.sort_unstable();
                self.run.iter().try_for_each(|&entry| marker.take(entry))?;
            }
            Some(spilled) => {
                drop(self.run);
                spilled.merge(|entry| marker.take(entry))?;
            }
        }
        Ok(marker.superseded)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled {
                file: tempfile::tempfile()?,
                lengths: Vec::new(),
            }),
        };
        let mut to = io::BufWriter::new(&spilled.file);
        for entry in &self.run {
            to.write_all(&entry.id.to_le_bytes())?;
            to.write_all(&entry.ordinal.to_le_bytes())?;
        }
        to.flush()?;
        drop(to);
        spilled.lengths.push(self.run.len() as u64);
        self.run.clear();
        Ok(())
    }
}

/// Marks every row that is followed by one of the same id.
#[derive(Default)]
struct Marker {
    last: Option<Entry>,
    superseded: Superseded,
}

impl Marker {
    fn take(&mut self, entry: Entry) -> io::Result<()> {
        match self.last.replace(entry) {
            Some(last) if last.id == entry.id => self.superseded.insert(last.ordinal),
            _ => Ok(()),
        }
    }
}

impl Spilled {
    /// Calls `each` with every entry of all runs, in order.
    fn merge(mut self, mut each: impl FnMut(Entry) -> io::Result<()>) -> io::Result<()> {
        let runs = self.lengths.len();
        let buffer = (MERGE_BUDGET / runs.max(1)).clamp(ENTRY, MERGE_BUFFER) / ENTRY;
        let mut offset = 0;
        let mut cursors = Vec::with_capacity(runs);
        let mut heads = BinaryHeap::with_capacity(runs);
        for (index, &length) in self.lengths.iter().enumerate() {
            let mut cursor = Cursor {
                offset,
                left: length,
                buffer: Vec::new(),
            };
            offset += length * ENTRY as u64;
            if let Some(entry) = cursor.next(&mut self.file, buffer)? {
                heads.push(Reverse((entry, index)));
            }
            cursors.push(cursor);
        }
        while let Some(Reverse((entry, index))) = heads.pop() {
            each(entry)?;
            if let Some(entry) = cursors[index].next(&mut self.file, buffer)? {
                heads.push(Reverse((entry, index)));
            }
        }
        Ok(())
    }
}

/// A place in one sorted run.
struct Cursor {
    offset: u64,
    left: u64,
    /// The entries read ahead, the next one last.
    buffer: Vec<Entry>,
}

impl Cursor {
    fn next(&mut self, file: &mut File, read_ahead: usize) -> io::Result<Option<Entry>> {
        if self.buffer.is_empty() && self.left > 0 {
            self.refill(file, read_ahead)?;
        }
        Ok(self.buffer.pop())
    }

    fn refill(&mut self, file: &mut File, read_ahead: usize) -> io::Result<()> {
        let entries = self.left.min(read_ahead as u64);
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::with_capacity(read_ahead * ENTRY);
        file.take(entries * ENTRY as u64).read_to_end(&mut bytes)?;
        let (pairs, rest) = bytes.as_chunks::<{ ENTRY / 2 }>();
        if pairs.len() as u64 != entries * 2 || !rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer
            .extend(pairs.chunks_exact(2).rev().map(|pair| Entry {
                id: u64::from_le_bytes(pair[0]),
                ordinal: u64::from_le_bytes(pair[1]),
            }));
        self.offset += bytes.len() as u64;
        self.left -= entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn superseded(ids: &[u64], run_length: usize) -> Superseded {
        let mut sorter = IdSorter::with_run_length(run_length);
        for &id in ids {
            sorter.push(id).unwrap();
        }
        assert_eq!(sorter.rows(), ids.len() as u64);
        sorter.finish().unwrap()
    }

    #[test]
    fn only_the_last_row_of_an_id_is_kept() {
        let found = superseded(&[101, 102, 101, 103, 101], RUN);
        let rows = [0, 1, 2, 3, 4].map(|row| found.contains(row));
        assert_eq!(rows, [true, false, true, false, false]);
        assert_eq!(found.count(), 2);
    }

    #[test]
    fn no_row_at_all_is_fine() {
        let found = superseded(&[], 4);
        assert_eq!((found.count(), found.contains(0)), (0, false));
    }

    #[test]
    fn more_runs_than_the_merge_has_buffers_for() {
        let ids: Vec<u64> = (0..5_000).map(|n| n % 1_250).collect();
        let found = superseded(&ids, 1);
        assert_eq!(found.count(), 3_750);
        assert!((0..5_000).all(|row| found.contains(row) == (row < 3_750)));
    }

    proptest! {
        #[test]
        fn runs_of_any_length_agree_with_a_map(
            ids in prop::collection::vec(prop_oneof![0..20_u64, any::<u64>()], 0..200),
            run_length in 1..50_usize,
        ) {
            let last: HashMap<u64, usize> = ids.iter().copied().zip(0..).collect();
            let found = superseded(&ids, run_length);
            for (row, id) in ids.iter().enumerate() {
                prop_assert_eq!(found.contains(row as u64), last[id] != row);
            }
            prop_assert_eq!(found.count(), (ids.len() - last.len()) as u64);
        }
    }
}

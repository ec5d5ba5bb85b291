//! Queues of many small values, kept in chunks: [`Chunks`], and [`Bucket`] to be filled first.
//!
//! Where a million values wait, a single buffer is copied each time it grows, and both copies are
//! there at once; chunks are allocated as they are filled, and freed as they are worked off.

use std::collections::VecDeque;

/// The most values in a chunk.
pub(super) const CHUNK: usize = 512;

/// A queue: what was pushed first is popped first.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    current: std::vec::IntoIter<T>,
    full: VecDeque<Vec<T>>,
    /// Also popped from, when there is nothing before it: a queue of a few values has one buffer,
    /// and keeps it.
    last: VecDeque<T>,
    len: usize,
}

/// Values that are pushed one by one, and taken all at once.
#[derive(Debug)]
pub(super) struct Bucket<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T> Chunks<T> {
    pub(super) fn new() -> Self {
        Self {
            current: Vec::new().into_iter(),
            full: VecDeque::new(),
            last: VecDeque::new(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, value: T) {
        if self.last.len() == CHUNK {
            let full = std::mem::replace(&mut self.last, VecDeque::with_capacity(CHUNK));
            self.full.push_back(full.into());
        }
        // A buffer of its own accord begins at 4 and doubles, up to a chunk exactly.
        self.last.push_back(value);
        self.len += 1;
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        self.pop_one()
    }

    #[inline(never)]
    fn pop_one(&mut self) -> Option<T> {
        let value = loop {
            if let Some(value) = self.current.next() {
                break value;
            }
            match self.full.pop_front() {
                Some(full) => self.current = full.into_iter(),
                None => break self.last.pop_front()?,
            }
        };
        self.len -= 1;
        Some(value)
    }

    /// Moves all that is in the bucket to the end of the queue.
    pub(super) fn add(&mut self, bucket: Bucket<T>) {
        self.close_last();
        for full in bucket.full.into_iter().chain([bucket.last]) {
            self.len += full.len();
            self.full.push_back(full);
        }
    }

    /// Moves all that is in the other queue to the end of this one.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.close_last();
        self.full
            .push_back(std::mem::replace(&mut other.current, Vec::new().into_iter()).collect());
        self.full.append(&mut other.full);
        self.last = std::mem::take(&mut other.last);
        self.len += std::mem::take(&mut other.len);
    }

    fn close_last(&mut self) {
        if !self.last.is_empty() {
            self.full.push_back(std::mem::take(&mut self.last).into());
        }
    }
}

impl<T> Bucket<T> {
    pub(super) fn new() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, value: T) {
        if self.last.len() == CHUNK {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(CHUNK));
            self.full.push(full);
        }
        self.last.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = CHUNK * 3 + 1;

    fn all(chunks: &mut Chunks<usize>) -> Vec<usize> {
        std::iter::from_fn(|| chunks.pop()).collect()
    }

    #[test]
    fn what_was_pushed_first_is_popped_first() {
        let mut chunks = Chunks::new();
        let mut popped = Vec::new();
        for value in 0..MANY {
            chunks.push(value);
            if value % 3 == 0 {
                popped.extend(chunks.pop());
            }
        }
        assert_eq!(chunks.len(), MANY - popped.len());
        popped.extend(all(&mut chunks));
        assert_eq!(popped, (0..MANY).collect::<Vec<_>>());
        assert!(chunks.is_empty());
    }

    #[test]
    fn a_bucket_goes_to_the_end() {
        let mut chunks = Chunks::new();
        let mut bucket = Bucket::new();
        chunks.push(0);
        (1..MANY).for_each(|value| bucket.push(value));
        chunks.add(bucket);
        chunks.push(MANY);
        assert_eq!(chunks.len(), MANY + 1);
        assert_eq!(all(&mut chunks), (0..=MANY).collect::<Vec<_>>());
    }

    #[test]
    fn a_queue_that_is_half_worked_off_goes_to_the_end_of_another() {
        let mut chunks = Chunks::new();
        let mut other = Chunks::new();
        (10..MANY).for_each(|value| other.push(value));
        assert_eq!((0..5).filter_map(|_| other.pop()).count(), 5);
        (0..15).for_each(|value| chunks.push(value));
        chunks.append(&mut other);
        assert_eq!((chunks.len(), other.len()), (MANY, 0));
        assert_eq!(other.pop(), None);
        assert_eq!(all(&mut chunks), (0..MANY).collect::<Vec<_>>());
    }
}

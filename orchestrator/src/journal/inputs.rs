//! The hashes of the tasks' inputs, so that a run is not resumed with others: [`Inputs`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::store::{Error, Hashes, Store};

/// How many hashes are read back at a time.
const PORTION: u64 = 2_000;

/// The hash of the input of each task that was admitted, in order of ordinal.
#[derive(Debug)]
pub(super) struct Inputs {
    /// Of how many tasks the hash was known when the journal was opened.
    known: u64,
    /// Whether other inputs are accepted.
    accepts_changes: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Hashes that were not handed over yet.
    hashes: Hashes,
    /// Hashes that were read back, from this ordinal on.
    first: u64,
    portion: Vec<u128>,
}

/// The input of a task is not the one that it had before.
#[derive(Debug)]
pub(super) struct Differs;

impl Inputs {
    pub(super) fn new(known: u64, accepts_changes: bool) -> Self {
        Self {
            known,
            accepts_changes,
            state: Mutex::default(),
        }
    }

    /// Of how many tasks the hash was known when the journal was opened.
    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// Admits the task of this ordinal, which was read.
    pub(super) fn admit(
        &self,
        store: &Store,
        ordinal: u64,
        hash: u128,
    ) -> Result<Result<(), Differs>, Error> {
        match self.stored(store, ordinal)? {
            None => self.lock().hashes.new.push(hash),
            Some(before) if before == hash => {}
            Some(_) if self.accepts_changes => self.lock().hashes.changed.push((ordinal, hash)),
            Some(_) => return Ok(Err(Differs)),
        }
        Ok(Ok(()))
    }

    /// Admits the task of this ordinal, which was sent. If there is a hash, it is of a task whose record was lost in a crash.
    pub(super) fn send(&self, ordinal: u64, hash: u128) {
        let hashes = &mut self.lock().hashes;
        if ordinal < self.known {
            hashes.changed.push((ordinal, hash));
        } else {
            hashes.new.push(hash);
        }
    }

    /// The hash of the input that the task of this ordinal had when the journal was opened.
    pub(super) fn stored(&self, store: &Store, ordinal: u64) -> Result<Option<u128>, Error> {
        if ordinal >= self.known {
            return Ok(None);
        }
        let mut state = self.lock();
        if !(state.first..state.first + state.portion.len() as u64).contains(&ordinal) {
            let first = ordinal / PORTION * PORTION;
            state.portion = store.recall_inputs(first..self.known.min(first + PORTION))?;
            state.first = first;
        }
        let index = usize::try_from(ordinal - state.first).unwrap_or(usize::MAX);
        Ok(state.portion.get(index).copied())
    }

    /// Passes on the hashes that were not handed over yet. The lock is held meanwhile, so that records which are handed over
    /// later come after them: no record is on disk without the hash of its task's input.
    pub(super) fn hand_over<T>(&self, hand_over: impl FnOnce(Hashes) -> T) -> T {
        let mut state = self.lock();
        hand_over(std::mem::take(&mut state.hashes))
    }

    /// Hands over the hashes that are there, without a record.
    pub(super) fn flush(&self, store: &Store) {
        let mut state = self.lock();
        if !state.hashes.new.is_empty() || !state.hashes.changed.is_empty() {
            store.append_with(std::mem::take(&mut state.hashes), Vec::new(), None);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What is known of the tasks' inputs, so that a run is not resumed with others: [`Inputs`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::store::{Error, Store};

/// How many hashes are read back at a time.
const PORTION: u64 = 2_000;

/// The hash of the input of each task that was admitted, in order of ordinal.
///
/// They are handed over with the next records, so that what is known of a task is never without the hash of its input.
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
    /// Hashes that were not handed over yet: of further tasks, and of tasks whose input has changed.
    new: Vec<u128>,
    changed: Vec<(u64, u128)>,
    /// Hashes that were read back, from this ordinal on.
    first: u64,
    portion: Vec<u128>,
}

impl Inputs {
    pub(super) fn new(known: u64, accepts_changes: bool) -> Self {
        Self {
            known,
            accepts_changes,
            state: Mutex::default(),
        }
    }

    /// Admits the task of this ordinal. Returns `false` if its input is not the one that it had before.
    pub(super) fn admit(&self, store: &Store, ordinal: u64, hash: u128) -> Result<bool, Error> {
        match self.stored(store, ordinal)? {
            None => self.lock().new.push(hash),
            Some(before) if before == hash => {}
            Some(_) if self.accepts_changes => self.lock().changed.push((ordinal, hash)),
            Some(_) => return Ok(false),
        }
        Ok(true)
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

    /// Hands over the hashes of tasks that were admitted.
    pub(super) fn hand_over(&self, store: &Store) {
        let mut state = self.lock();
        // With the lock held: records that are handed over later come after them.
        if !state.new.is_empty() {
            store.append_inputs(std::mem::take(&mut state.new));
        }
        if !state.changed.is_empty() {
            store.change_inputs(std::mem::take(&mut state.changed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

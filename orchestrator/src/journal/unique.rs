//! Ids that are unique: a task that comes again gets the result of the first. [`Ids`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use super::store::Stage;

/// The tasks that were met, by id.
#[derive(Debug, Default)]
pub(super) struct Ids(Mutex<HashMap<u64, First>>);

/// The first task of an id.
#[derive(Debug)]
struct First {
    ordinal: u64,
    /// Of its input.
    hash: Option<u128>,
    /// How it ended, if it has.
    end: Option<Stage>,
    /// The ordinals of tasks that wait for its end.
    waiting: Vec<u64>,
}

/// Whether an id was met before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Never,
    /// It was, and its task has ended so.
    Ended(Stage),
    /// It was, and its task has not ended.
    UnderWay,
    /// It was, with another input.
    WithOther,
}

impl Ids {
    /// Meets the id of the task of this ordinal. `hash` is that of its input, `stored` that which was
    /// stored for this ordinal. One that `has_ended` waits for no other's end.
    pub(super) fn meet(
        &self,
        id: u64,
        ordinal: u64,
        hash: Option<u128>,
        stored: Option<u128>,
        has_ended: bool,
    ) -> Seen {
        let differ = |one: Option<u128>, other: Option<u128>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = match ids.entry(id) {
            Entry::Vacant(_) if differ(hash, stored) => return Seen::WithOther,
            Entry::Vacant(entry) => {
                entry.insert(First {
                    ordinal,
                    hash: stored.or(hash),
                    end: None,
                    waiting: Vec::new(),
                });
                return Seen::Never;
            }
            Entry::Occupied(first) => first.into_mut(),
        };
        if differ(hash.or(stored), first.hash) {
            return Seen::WithOther;
        }
        if first.ordinal == ordinal || has_ended {
            return Seen::Never;
        }
        if let Some(end) = &first.end {
            return Seen::Ended(end.clone());
        }
        first.waiting.push(ordinal);
        Seen::UnderWay
    }

    /// The task of this ordinal has ended so, or was cancelled (`None`). Gives the ordinals of those that
    /// waited for it.
    pub(super) fn ended(&self, id: u64, ordinal: u64, end: Option<&Stage>) -> Vec<u64> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match ids.get_mut(&id) {
            Some(first) if first.ordinal == ordinal => {
                let waiting = std::mem::take(&mut first.waiting);
                match end {
                    Some(end) => first.end = Some(end.clone()),
                    // The next one with this id is the first.
                    None => drop(ids.remove(&id)),
                }
                waiting
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Stage {
        Stage::Completed { json: "1".into() }
    }

    #[test]
    fn who_comes_again_waits_for_the_first() {
        let ids = Ids::default();
        assert_eq!(ids.meet(7, 0, Some(1), None, false), Seen::Never);
        assert_eq!(ids.meet(7, 3, Some(1), None, false), Seen::UnderWay);
        assert_eq!(ids.ended(7, 0, Some(&done())), [3]);
        assert_eq!(ids.meet(7, 4, Some(1), None, false), Seen::Ended(done()));
    }

    #[test]
    fn another_input_is_told() {
        let ids = Ids::default();
        assert_eq!(ids.meet(7, 0, Some(1), None, false), Seen::Never);
        assert_eq!(ids.meet(7, 1, Some(2), None, false), Seen::WithOther);
        // Also if the first is from an earlier run.
        assert_eq!(ids.meet(8, 2, Some(2), Some(1), false), Seen::WithOther);
    }

    #[test]
    fn a_task_that_is_met_again_is_not_its_own_follower() {
        let ids = Ids::default();
        assert_eq!(ids.meet(7, 0, Some(1), None, false), Seen::Never);
        assert_eq!(ids.meet(7, 0, Some(1), None, false), Seen::Never);
    }
}

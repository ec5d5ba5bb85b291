//! Puts results into the order of admission: [`Reorder`].

use std::collections::VecDeque;

use super::contain::discard_all;
use crate::TaskResult;

/// Results that wait for one that was admitted before them.
#[derive(Debug)]
pub(super) struct Reorder<O> {
    /// The place at the front belongs to the ordinal `next`.
    places: VecDeque<Option<TaskResult<O>>>,
    next: u64,
}

impl<O> Reorder<O> {
    pub(super) fn new() -> Self {
        Self {
            places: VecDeque::new(),
            next: 0,
        }
    }

    pub(super) fn push(&mut self, result: TaskResult<O>) {
        // No more than the window lies between two ordinals that are here at once.
        let place = usize::try_from(result.ordinal - self.next).unwrap_or(usize::MAX);
        if place >= self.places.len() {
            self.places.resize_with(place + 1, || None);
        }
        self.places[place] = Some(result);
    }

    pub(super) fn pop(&mut self) -> Option<TaskResult<O>> {
        let result = self.places.front_mut()?.take()?;
        self.places.pop_front();
        self.next += 1;
        Some(result)
    }

    /// The next result that is here, where no more will come: before a task that gave none, those behind
    /// it would wait forever.
    pub(super) fn pop_last(&mut self) -> Option<TaskResult<O>> {
        while let Some(place) = self.places.pop_front() {
            self.next += 1;
            if place.is_some() {
                return place;
            }
        }
        None
    }
}

impl<O> Drop for Reorder<O> {
    fn drop(&mut self) {
        discard_all(self.places.drain(..));
    }
}

//! A worker's executing futures: [`Slots`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::wakes::{GROUP, Group, Wakes};

/// A worker's executing futures.
///
/// A slot is pinned memory that is used again and again, so that once the worker is warm, starting
/// a future allocates nothing. The slot that was freed last is used first: tasks that never suspend
/// all run in the same one, which stays in the cache.
pub(super) struct Slots<F> {
    slots: Vec<Slot<F>>,
    free: Vec<usize>,
    groups: Vec<Arc<Group>>,
    wakes: Arc<Wakes>,
    /// Groups with bits that are taken from the group and not yet polled.
    woken: VecDeque<(usize, u64)>,
    /// Kept for its memory.
    collected: Vec<u32>,
}

struct Slot<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
}

impl<F: Future> Slots<F> {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            groups: Vec::new(),
            wakes: Arc::default(),
            woken: VecDeque::new(),
            collected: Vec::new(),
        }
    }

    /// How many futures are executing.
    pub(super) fn executing(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Starts a future by polling it once; keeps it if it is not ready.
    pub(super) fn start(&mut self, future: F) -> Poll<F::Output> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.add(),
        };
        self.slots[index].future.set(Some(future));
        self.poll_slot(index)
    }

    /// Looks up which futures were woken since the last call.
    pub(super) fn collect_woken(&mut self) {
        self.wakes.collect(&mut self.collected);
        for index in self.collected.drain(..) {
            let index = index as usize;
            self.woken.push_back((index, self.groups[index].take()));
        }
    }

    /// Whether woken futures are left to be polled.
    pub(super) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// Polls one woken future. `None` if there is none left.
    pub(super) fn poll_woken(&mut self) -> Option<Poll<F::Output>> {
        loop {
            let (group, bits) = self.woken.front_mut()?;
            if *bits == 0 {
                self.woken.pop_front();
                continue;
            }
            let bit = bits.trailing_zeros() as usize;
            *bits &= *bits - 1;
            let index = *group * GROUP + bit;
            // A wake-up may outlive the future that it was meant for.
            if self
                .slots
                .get(index)
                .is_some_and(|slot| slot.future.is_some())
            {
                return Some(self.poll_slot(index));
            }
        }
    }

    /// Wakes every executing future.
    pub(super) fn wake_all(&self) {
        for group in &self.groups {
            group.wake_all();
        }
    }

    /// Asks that the worker be woken by the next future that is. Says no if one already was.
    pub(super) fn sleep(&self, worker: &Waker) -> bool {
        self.woken.is_empty() && self.wakes.sleep(worker)
    }

    fn poll_slot(&mut self, index: usize) -> Poll<F::Output> {
        let slot = &mut self.slots[index];
        let Some(future) = slot.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let poll = future.poll(&mut Context::from_waker(&slot.waker));
        if poll.is_ready() {
            slot.future.set(None);
            self.free.push(index);
        }
        poll
    }

    fn add(&mut self) -> usize {
        let index = self.slots.len();
        if index.is_multiple_of(GROUP) {
            // More than u32::MAX groups of slots fit into no memory.
            let group = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
            self.groups.push(Group::new(group, Arc::clone(&self.wakes)));
        }
        let waker = self.groups[index / GROUP].waker(index % GROUP);
        self.slots.push(Slot {
            future: Box::pin(None),
            waker,
        });
        index
    }
}

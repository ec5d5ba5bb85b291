//! A worker's executing futures: [`Slots`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::contain::discard_with;
use super::wakes::{GROUP, Group, Wakes};

/// A worker's executing futures.
///
/// A slot is pinned memory that is used again and again, so that once the worker is warm, starting
/// a future allocates nothing. The slot that was freed last is used first: tasks that never suspend
/// all run in the same one, which stays in the cache.
pub(super) struct Slots<F> {
    all: Vec<Slot<F>>,
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
            all: Vec::new(),
            free: Vec::new(),
            groups: Vec::new(),
            wakes: Arc::default(),
            woken: VecDeque::new(),
            collected: Vec::new(),
        }
    }

    /// How many futures are executing.
    pub(super) fn executing(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Starts a future by polling it once; keeps it if it is not ready.
    pub(super) fn start(&mut self, future: F) -> Poll<F::Output> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.add(),
        };
        self.all[index].future.set(Some(future));
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
        while let Some((_, 0)) = self.woken.front() {
            self.woken.pop_front();
        }
        let (group, bits) = self.woken.front_mut()?;
        let bit = bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        let index = *group * GROUP + bit;
        // A wake-up may outlive the future that it was meant for, or be for no slot at all.
        if index < self.all.len() {
            Some(self.poll_slot(index))
        } else {
            Some(Poll::Pending)
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
        let slot = &mut self.all[index];
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
        let index = self.all.len();
        if index.is_multiple_of(GROUP) {
            // More than u32::MAX groups of slots fit into no memory.
            let group = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
            self.groups.push(Group::new(group, Arc::clone(&self.wakes)));
        }
        let waker = self.groups[index / GROUP].waker(index % GROUP);
        self.all.push(Slot {
            future: Box::pin(None),
            waker,
        });
        index
    }
}

impl<F> Drop for Slots<F> {
    fn drop(&mut self) {
        for slot in &mut self.all {
            // One by one: a future that panics when it is dropped does not take others along.
            discard_with(|| slot.future.set(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    /// A future that is ready with `id` when it is polled for the `polls`-th time, and asks for
    /// each further poll at once.
    fn ready_at(id: usize, polls: usize) -> impl Future<Output = usize> {
        let mut left = polls;
        poll_fn(move |cx| {
            left -= 1;
            if left == 0 {
                return Poll::Ready(id);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn a_future_that_is_ready_at_once_leaves_its_slot() {
        let mut slots = Slots::new();
        for id in 0..1_000 {
            assert_eq!(slots.start(ready_at(id, 1)), Poll::Ready(id));
        }
        assert_eq!((slots.executing(), slots.all.len()), (0, 1));
    }

    #[test]
    fn every_woken_future_is_polled_across_groups() {
        let mut slots = Slots::new();
        for id in 0..200 {
            assert!(slots.start(ready_at(id, 2)).is_pending());
        }
        assert_eq!(slots.executing(), 200);
        slots.collect_woken();
        let mut done: Vec<_> = std::iter::from_fn(|| slots.poll_woken())
            .filter_map(|poll| match poll {
                Poll::Ready(id) => Some(id),
                Poll::Pending => None,
            })
            .collect();
        done.sort_unstable();
        assert_eq!(done, (0..200).collect::<Vec<_>>());
        assert_eq!(slots.executing(), 0);
    }

    #[test]
    fn only_woken_futures_are_polled() {
        let polls = Rc::new(Cell::new(0));
        let waker = Rc::new(Cell::new(None));
        let mut slots = Slots::new();
        for id in 0..100 {
            let (polls, waker) = (Rc::clone(&polls), Rc::clone(&waker));
            let future = poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                if id == 77 {
                    waker.set(Some(cx.waker().clone()));
                }
                Poll::<()>::Pending
            });
            assert!(slots.start(future).is_pending());
        }
        waker.take().into_iter().for_each(Waker::wake);
        slots.collect_woken();
        while slots.poll_woken().is_some() {}
        assert_eq!(polls.get(), 101);
    }

    #[test]
    fn a_wake_up_that_outlives_its_future_does_nothing() {
        let waker = Rc::new(Cell::new(None));
        let kept = Rc::clone(&waker);
        let mut slots = Slots::new();
        let future = poll_fn(move |cx| {
            kept.set(Some(cx.waker().clone()));
            Poll::Ready(())
        });
        assert!(slots.start(future).is_ready());
        waker.take().into_iter().for_each(Waker::wake);
        slots.collect_woken();
        assert_eq!(slots.poll_woken(), Some(Poll::Pending));
        assert_eq!(slots.poll_woken(), None);
    }

    #[test]
    fn it_does_not_sleep_over_a_wake_up() {
        let mut slots = Slots::new();
        assert!(slots.start(ready_at(0, 2)).is_pending());
        assert!(!slots.sleep(Waker::noop()));
        slots.collect_woken();
        assert!(!slots.sleep(Waker::noop()));
        while slots.poll_woken().is_some() {}
        assert!(slots.sleep(Waker::noop()));
    }
}

//! How many steps execute at once: [`Permits`], and a worker's part of them, [`Seat`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use super::lock::Lock;

/// The permits of an orchestrator: a step executes only under one.
///
/// Workers take permits from here a handful at a time and keep them while they are busy, so that a
/// step that is ready at once touches nothing shared. Permits that are kept and not used count as
/// used: there are never more than `total` steps executing.
///
/// Whoever finds none queues, across the runs of the orchestrator. While somebody is in the queue,
/// a worker that holds more than an equal share (of all workers, the idle ones included) gives what
/// falls free to the queue, one permit a waiter in turn.
#[derive(Debug)]
pub(crate) struct Permits {
    total: usize,
    /// The length of the queue, to be read without the lock. Changed under it.
    queued: AtomicUsize,
    /// How many seats there are. A share that is out of date is put right by the next look.
    seats: AtomicUsize,
    pool: Lock<Pool>,
}

/// **Invariant:** where `free` is not 0, the queue is empty.
#[derive(Debug)]
struct Pool {
    free: usize,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    granted: Arc<AtomicUsize>,
    /// How many more it is to get before it leaves the queue. Not 0.
    wanted: usize,
    waker: Waker,
}

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            queued: AtomicUsize::new(0),
            seats: AtomicUsize::new(0),
            pool: Lock::new(Pool {
                free: total,
                queue: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Gives permits to those in the queue, one by one and in turn, and the rest to the pool. Says
    /// whether anybody was woken.
    fn give(&self, mut count: usize) -> bool {
        let mut woken: Vec<Waker> = Vec::new();
        {
            let mut pool = self.pool.lock();
            while count > 0
                && let Some(mut waiter) = pool.queue.pop_front()
            {
                count -= 1;
                waiter.wanted -= 1;
                if waiter.granted.fetch_add(1, Ordering::Relaxed) == 0 {
                    woken.push(waiter.waker.clone());
                }
                if waiter.wanted > 0 {
                    pool.queue.push_back(waiter);
                }
            }
            pool.free += count;
            self.queued.store(pool.queue.len(), Ordering::Relaxed);
        }
        let any = !woken.is_empty();
        woken.into_iter().for_each(Waker::wake);
        any
    }
}

/// One worker's part of the permits: what its executing steps use, what it keeps beyond that, and
/// what it was granted and has not looked at yet. All of it goes back when the seat is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    permits: Arc<Permits>,
    used: usize,
    spare: usize,
    /// Written by others while the seat is in the queue.
    granted: Arc<AtomicUsize>,
    /// How many the seat may still be granted. Not 0: it is in the queue, or was granted all that it
    /// wanted and has not looked.
    outstanding: usize,
    /// Whether a permit that was given woke somebody in this turn.
    woke: bool,
}

impl Seat {
    pub(super) fn new(permits: Arc<Permits>) -> Self {
        permits.seats.fetch_add(1, Ordering::Relaxed);
        Self {
            permits,
            used: 0,
            spare: 0,
            granted: Arc::new(AtomicUsize::new(0)),
            outstanding: 0,
            woke: false,
        }
    }

    /// Takes a permit for a step that is about to begin. If there is none, the seat is queued and
    /// the worker will be woken.
    #[inline]
    pub(super) fn take(&mut self, cx: &Context<'_>) -> bool {
        if self.outstanding > 0 {
            self.collect();
        }
        if self.spare == 0 && self.outstanding == 0 {
            self.fetch(cx);
        }
        if self.spare == 0 {
            return false;
        }
        self.spare -= 1;
        self.used += 1;
        true
    }

    /// Takes a handful from the pool, or queues for one.
    #[cold]
    fn fetch(&mut self, cx: &Context<'_>) {
        let share = self.share();
        let handful = (share / 4).clamp(1, 64);
        let mut pool = self.permits.pool.lock();
        if pool.free > 0 {
            self.spare = pool.free.min(handful);
            pool.free -= self.spare;
            return;
        }
        self.outstanding = handful.max(share.saturating_sub(self.used));
        pool.queue.push_back(Waiter {
            granted: Arc::clone(&self.granted),
            wanted: self.outstanding,
            waker: cx.waker().clone(),
        });
        self.permits
            .queued
            .store(pool.queue.len(), Ordering::Relaxed);
    }

    /// Gives back the permit of a step that has ended.
    #[inline]
    pub(super) fn put_back(&mut self) {
        self.used -= 1;
        self.spare += 1;
        self.yield_spare();
    }

    /// Gives what is kept and not in use to those who wait, as far as it is more than a share.
    ///
    /// What was granted and not yet looked at stays: a permit that two seats pass to each other
    /// before either has used it would be of no use to anybody.
    #[inline]
    pub(super) fn yield_spare(&mut self) {
        if self.permits.queued.load(Ordering::Relaxed) > 0 {
            let beyond = (self.used + self.spare).saturating_sub(self.share());
            self.give(beyond.min(self.spare));
        }
    }

    /// The worker's turn begins: who was woken before has had a thread to run on.
    pub(super) fn begin_turn(&mut self) {
        self.woke = false;
    }

    /// Whether somebody was given a permit in this turn and woken. tokio may keep them for this very
    /// thread.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        self.woke
    }

    /// Gives back all that is not in use, and leaves the queue: the worker has nothing to start.
    pub(super) fn release(&mut self) {
        if self.outstanding > 0 {
            {
                let mut pool = self.permits.pool.lock();
                let granted = &self.granted;
                pool.queue
                    .retain(|waiter| !Arc::ptr_eq(&waiter.granted, granted));
                self.permits
                    .queued
                    .store(pool.queue.len(), Ordering::Relaxed);
            }
            self.collect();
            self.outstanding = 0;
        }
        self.give(self.spare);
    }

    /// What every seat could have; 0 where there are more seats than permits, which then go round.
    fn share(&self) -> usize {
        self.permits.total / self.permits.seats.load(Ordering::Relaxed).max(1)
    }

    fn collect(&mut self) {
        let granted = self.granted.swap(0, Ordering::Relaxed);
        self.spare += granted;
        self.outstanding -= granted;
    }

    fn give(&mut self, count: usize) {
        if count > 0 {
            self.spare -= count;
            self.woke |= self.permits.give(count);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Whoever drops the seat has dropped the steps before it.
        self.spare += std::mem::take(&mut self.used);
        self.release();
        self.permits.seats.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cx() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn seats(total: usize, count: usize) -> Vec<Seat> {
        let permits = Arc::new(Permits::new(total));
        (0..count)
            .map(|_| Seat::new(Arc::clone(&permits)))
            .collect()
    }

    #[test]
    fn no_more_permits_are_taken_than_there_are() {
        for total in [1, 2, 3, 7, 100, 1_000] {
            let mut seats = seats(total, 3);
            let mut taken = 0;
            // Seats that hold spare permits give them up when they go idle.
            for _ in 0..2 {
                for seat in &mut seats {
                    while seat.take(&cx()) {
                        taken += 1;
                    }
                    seat.release();
                }
            }
            assert_eq!(taken, total);
        }
    }

    #[test]
    fn a_permit_that_falls_free_goes_to_who_waits_longest() {
        let mut seats = seats(1, 3);
        assert!(seats[0].take(&cx()));
        assert!(!seats[1].take(&cx()));
        assert!(!seats[2].take(&cx()));
        seats[0].put_back();
        assert!(!seats[0].take(&cx()), "it may not overtake");
        assert!(!seats[2].take(&cx()));
        assert!(seats[1].take(&cx()));
        seats[1].put_back();
        assert!(seats[2].take(&cx()));
    }

    #[test]
    fn a_worker_that_ends_leaves_nothing_behind() {
        let mut seats = seats(1, 2);
        assert!(seats[0].take(&cx()));
        assert!(!seats[1].take(&cx()));
        let waiting = seats.remove(1);
        seats[0].put_back();
        drop(waiting);
        assert!(seats[0].take(&cx()), "the permit came back");
    }

    #[test]
    fn a_worker_that_ends_gives_back_what_its_steps_used() {
        let mut seats = seats(2, 2);
        assert!(seats[0].take(&cx()));
        assert!(seats[0].take(&cx()));
        assert!(!seats[1].take(&cx()));
        seats.remove(0);
        assert!(seats[0].take(&cx()) && seats[0].take(&cx()));
    }

    #[test]
    fn who_waits_gets_an_equal_share_of_what_falls_free() {
        let mut seats = seats(100, 2);
        for _ in 0..100 {
            assert!(seats[0].take(&cx()));
        }
        assert!(!seats[1].take(&cx()));
        for _ in 0..100 {
            seats[0].put_back();
        }
        let mut taken = 0;
        while seats[1].take(&cx()) {
            taken += 1;
        }
        assert!(taken >= 50, "{taken}");
    }
}

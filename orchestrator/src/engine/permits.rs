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
/// used: there are never more than `total` steps executing. Whoever finds none queues, and every
/// permit that falls free goes to the head of that queue, across the runs of the orchestrator.
#[derive(Debug)]
pub(crate) struct Permits {
    total: usize,
    /// The length of the queue, to be read without the lock. Changed under it.
    queued: AtomicUsize,
    pool: Lock<Pool>,
}

#[derive(Debug)]
struct Pool {
    free: usize,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    granted: Arc<AtomicUsize>,
    waker: Waker,
}

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            queued: AtomicUsize::new(0),
            pool: Lock::new(Pool {
                free: total,
                queue: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    fn give(&self, mut count: usize) {
        let mut woken = Vec::new();
        {
            let mut pool = self.pool.lock();
            while count > 0 {
                let Some(waiter) = pool.queue.pop_front() else {
                    break;
                };
                waiter.granted.fetch_add(1, Ordering::Relaxed);
                woken.push(waiter.waker);
                count -= 1;
            }
            pool.free += count;
            self.queued.store(pool.queue.len(), Ordering::Relaxed);
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

/// One worker's part of the permits.
#[derive(Debug)]
pub(super) struct Seat {
    permits: Arc<Permits>,
    /// Kept and not in use.
    spare: usize,
    /// How many to take from the pool at a time.
    handful: usize,
    /// Given to this seat while it stood in the queue. Written by others, read here.
    granted: Arc<AtomicUsize>,
    in_queue: bool,
}

impl Seat {
    pub(super) fn new(permits: Arc<Permits>, workers: usize) -> Self {
        let handful = (permits.total / (4 * workers.max(1))).clamp(1, 64);
        Self {
            permits,
            spare: 0,
            handful,
            granted: Arc::new(AtomicUsize::new(0)),
            in_queue: false,
        }
    }

    /// Takes a permit for a step that is about to begin. If there is none, the seat is queued and
    /// the worker will be woken.
    #[inline]
    pub(super) fn take(&mut self, cx: &Context<'_>) -> bool {
        self.collect();
        if self.spare == 0 && !self.in_queue {
            let mut pool = self.permits.pool.lock();
            // With others in the queue `free` is 0, or was left to them.
            if pool.free > 0 {
                self.spare = pool.free.min(self.handful);
                pool.free -= self.spare;
            } else {
                pool.queue.push_back(Waiter {
                    granted: Arc::clone(&self.granted),
                    waker: cx.waker().clone(),
                });
                self.permits
                    .queued
                    .store(pool.queue.len(), Ordering::Relaxed);
                self.in_queue = true;
            }
        }
        if self.spare == 0 {
            return false;
        }
        self.spare -= 1;
        true
    }

    /// Gives back the permit of a step that has ended.
    #[inline]
    pub(super) fn put_back(&mut self) {
        self.spare += 1;
        self.share();
    }

    /// Gives back what is kept and not in use, if others wait for it.
    ///
    /// What was granted and not yet collected stays: a permit that two seats pass to each other
    /// before either has used it would be of no use to anybody.
    #[inline]
    pub(super) fn share(&mut self) {
        if self.permits.queued.load(Ordering::Relaxed) > 0 {
            self.give_spare();
        }
    }

    /// Gives back all that is not in use: the worker has nothing to start.
    pub(super) fn release(&mut self) {
        self.collect();
        self.give_spare();
    }

    fn give_spare(&mut self) {
        if self.spare > 0 {
            self.permits.give(std::mem::take(&mut self.spare));
        }
    }

    #[inline]
    fn collect(&mut self) {
        if self.in_queue {
            let granted = self.granted.swap(0, Ordering::Relaxed);
            self.spare += granted;
            // A waiter leaves the queue with its first permit.
            self.in_queue = granted == 0;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let granted = &self.granted;
        let mut pool = self.permits.pool.lock();
        pool.queue
            .retain(|waiter| !Arc::ptr_eq(&waiter.granted, granted));
        self.permits
            .queued
            .store(pool.queue.len(), Ordering::Relaxed);
        drop(pool);
        self.release();
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
            .map(|_| Seat::new(Arc::clone(&permits), count))
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
}

//! Which of a worker's futures want to be polled: [`Wakes`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};

use super::lock::Lock;

/// The slots in a group: the bits of its word.
pub(super) const GROUP: usize = 64;

/// The woken groups of one worker.
///
/// A slot is woken by setting its bit in its group's word; only the first bit of a word takes the
/// lock and wakes the worker, so a burst of wake-ups costs one atomic operation each.
#[derive(Debug, Default)]
pub(super) struct Wakes(Lock<Woken>);

#[derive(Debug, Default)]
struct Woken {
    groups: Vec<u32>,
    /// Set while the worker sleeps.
    worker: Option<Waker>,
}

/// Slots that share a word of wake-up bits.
#[derive(Debug)]
pub(super) struct Group {
    index: u32,
    bits: AtomicU64,
    wakes: Arc<Wakes>,
}

#[derive(Debug)]
struct SlotWaker {
    group: Arc<Group>,
    bit: u64,
}

impl Wakes {
    /// Moves the indices of the woken groups to `into`, which is empty.
    pub(super) fn collect(&self, into: &mut Vec<u32>) {
        std::mem::swap(&mut self.0.lock().groups, into);
    }

    /// Asks that the worker be woken by the next slot that is. Says no if one already was.
    pub(super) fn sleep(&self, worker: &Waker) -> bool {
        let mut woken = self.0.lock();
        if !woken.groups.is_empty() {
            return false;
        }
        woken.worker = Some(worker.clone());
        true
    }
}

impl Group {
    pub(super) fn new(index: u32, wakes: Arc<Wakes>) -> Arc<Self> {
        Arc::new(Self {
            index,
            bits: AtomicU64::new(0),
            wakes,
        })
    }

    /// A waker for one of the group's slots.
    pub(super) fn waker(self: &Arc<Self>, slot: usize) -> Waker {
        Waker::from(Arc::new(SlotWaker {
            group: Arc::clone(self),
            bit: 1 << slot,
        }))
    }

    /// The bits of the slots that were woken since the last call.
    pub(super) fn take(&self) -> u64 {
        self.bits.swap(0, Ordering::AcqRel)
    }

    /// Wakes all slots of the group.
    pub(super) fn wake_all(&self) {
        self.wake(u64::MAX);
    }

    fn wake(&self, bits: u64) {
        if self.bits.fetch_or(bits, Ordering::AcqRel) != 0 {
            return;
        }
        let worker = {
            let mut woken = self.wakes.0.lock();
            woken.groups.push(self.index);
            woken.worker.take()
        };
        if let Some(worker) = worker {
            worker.wake();
        }
    }
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.group.wake(self.bit);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.group.wake(self.bit);
    }
}

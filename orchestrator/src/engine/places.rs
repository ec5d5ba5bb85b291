//! A worker's part of the gates: [`Places`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use super::gates::{Gate, Gates, LaneId, When, Woken};
use super::inbox::Inbox;

/// A worker's part of the gates. Whatever its tasks hold there comes back when this is dropped.
///
/// The tasks in the slots reach it by shared reference; nobody but their worker polls them, so its
/// own atomics are never contended.
#[derive(Debug)]
pub(super) struct Places {
    gates: Option<Arc<Gates>>,
    /// By step; those of steps without a gate are not used.
    lanes: Box<[Option<LaneId>]>,
    inbox: Arc<Inbox>,
    /// Whether somebody was woken in this turn.
    woke: AtomicBool,
}

impl Places {
    pub(super) fn new(gates: Option<Arc<Gates>>, steps: usize) -> Self {
        let inbox = Arc::default();
        let lanes = match &gates {
            Some(gates) => (0..steps)
                .map(|step| Some(gates.get(step)?.join(&inbox)))
                .collect(),
            None => Box::default(),
        };
        Self {
            gates,
            lanes,
            inbox,
            woke: AtomicBool::new(false),
        }
    }

    /// The steps that have a gate, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> {
        self.gates
            .iter()
            .flat_map(|gates| gates.iter().map(|(step, _)| step))
    }

    /// Whether any step has a gate. If none has, there is nothing to enter and leave.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.gates.is_some()
    }

    /// A task is about to begin this step. If it has to wait, the worker keeps it.
    pub(super) fn enter(&self, step: usize) -> bool {
        self.gate(step).is_none_or(|(gate, lane)| gate.enter(lane))
    }

    /// A task's step has ended. Says whether somebody was woken in this turn, for whom the thread
    /// should be free soon.
    pub(super) fn leave(&self, step: usize) -> bool {
        if let Some((gate, lane)) = self.gate(step) {
            self.wake(gate.leave(lane));
        }
        self.has_woken()
    }

    /// When the first of the tasks that were let in here may begin.
    pub(super) fn first(&self, step: usize) -> Option<When> {
        let (gate, lane) = self.gate(step)?;
        gate.first(lane)
    }

    /// The first of the tasks that were let in here begins; says when the next one may.
    pub(super) fn begin(&self, step: usize) -> Option<When> {
        let (gate, lane) = self.gate(step)?;
        let (next, woken) = gate.begin(lane);
        self.wake(woken);
        next
    }

    /// Only steps that execute keep their places: the worker begins nothing.
    pub(super) fn close(&self) {
        self.each(Gate::close);
    }

    /// The worker begins tasks again, of which so many wait at this step.
    pub(super) fn reopen(&self, step: usize, waiting: usize) {
        if let Some((gate, lane)) = self.gate(step) {
            self.wake(gate.reopen(lane, waiting));
        }
    }

    /// Whether tasks were let in since the last call.
    #[inline]
    pub(super) fn look(&self) -> bool {
        self.inbox.take()
    }

    /// Asks that the worker be woken when a task is let in. Says no if one was.
    pub(super) fn sleep(&self, worker: &Waker) -> bool {
        self.inbox.sleep(worker)
    }

    /// The worker's turn begins: who was woken before has had a thread to run on.
    pub(super) fn begin_turn(&self) {
        self.woke.store(false, Ordering::Relaxed);
    }

    /// Whether somebody was woken in this turn. tokio may keep them for this very thread.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        self.woke.load(Ordering::Relaxed)
    }

    fn gate(&self, step: usize) -> Option<(&Gate, LaneId)> {
        let lane = (*self.lanes.get(step)?)?;
        Some((self.gates.as_ref()?.get(step)?, lane))
    }

    fn each(&self, what: impl Fn(&Gate, LaneId) -> Woken) {
        for (gate, lane) in self.steps().filter_map(|step| self.gate(step)) {
            self.wake(what(gate, lane));
        }
    }

    fn wake(&self, woken: Woken) {
        if !woken.is_empty() {
            self.woke.store(true, Ordering::Relaxed);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // Whoever drops this has dropped the steps before it.
        self.each(Gate::quit);
    }
}

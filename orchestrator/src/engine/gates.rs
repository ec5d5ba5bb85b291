//! What lets tasks into the steps that have bounds: [`Gates`], a [`Gate`] for each such step.

mod state;

use std::collections::VecDeque;
use std::sync::Arc;

use self::state::{Lane, State};
use super::inbox::Inbox;
use super::lock::Lock;
use super::schedule::Schedule;
use crate::{Blueprint, Bounds};

pub(super) use state::{LaneId, When, Woken};

/// The gates of an orchestrator, by step. All its runs go through the same ones.
#[derive(Debug)]
pub(crate) struct Gates(Box<[Option<Gate>]>);

impl Gates {
    /// `None` if no step has bounds.
    pub(crate) fn new<B: Blueprint>(blueprint: &B) -> Option<Self> {
        let steps = B::STEPS.iter().enumerate();
        let bounds = steps.map(|(step, info)| {
            let bounds = blueprint.bounds(step);
            assert!(
                bounds.most() != Some(0),
                "the limit of step `{}` is 0: it would let no task in",
                info.name()
            );
            bounds
        });
        let gates = Self::of(bounds);
        gates.0.iter().any(Option::is_some).then_some(gates)
    }

    /// The gates of steps with these bounds.
    pub(super) fn of(bounds: impl Iterator<Item = Bounds>) -> Self {
        let gate = |bounds| (bounds != Bounds::none()).then(|| Gate::new(bounds));
        Self(bounds.map(gate).collect())
    }

    pub(super) fn get(&self, step: usize) -> Option<&Gate> {
        self.0.get(step)?.as_ref()
    }

    /// The gates, with the steps they are for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Gate)> {
        let gates = self.0.iter().enumerate();
        gates.filter_map(|(step, gate)| Some((step, gate.as_ref()?)))
    }
}

/// Lets tasks into a step: those of all workers of all runs, in the order in which they come.
///
/// What waits here is a number for each worker; the tasks themselves wait with their workers. A task
/// that is let in has a place, and where the step has a rate, a time at which it may begin.
#[derive(Debug)]
pub(super) struct Gate(Lock<State>);

impl Gate {
    fn new(bounds: Bounds) -> Self {
        Self(Lock::new(State {
            free: bounds.most().unwrap_or(usize::MAX),
            schedule: bounds.interval().map(Schedule::new),
            queue: VecDeque::new(),
            lanes: Vec::new(),
            vacant: Vec::new(),
        }))
    }

    /// A worker comes.
    pub(super) fn join(&self, inbox: &Arc<Inbox>) -> LaneId {
        let mut state = self.0.lock();
        let lane = Lane {
            inbox: Arc::clone(inbox),
            executing: 0,
            let_in: VecDeque::new(),
            queued: 0,
            closed: false,
        };
        if let Some(id) = state.vacant.pop() {
            *state.lane(id) = lane;
            return id;
        }
        // More than u32::MAX workers fit into no memory.
        let id = LaneId(u32::try_from(state.lanes.len()).unwrap_or(u32::MAX));
        state.lanes.push(lane);
        id
    }

    /// A worker goes, and all that it held comes back.
    pub(super) fn quit(&self, id: LaneId) -> Woken {
        let mut state = self.0.lock();
        state.close(id);
        state.free += std::mem::take(&mut state.lane(id).executing);
        state.vacant.push(id);
        state.look(id)
    }

    /// A task comes. If it has to wait, its worker keeps it, behind those that it keeps already.
    pub(super) fn enter(&self, id: LaneId) -> bool {
        let mut state = self.0.lock();
        if state.lane(id).closed {
            return false;
        }
        if state.queue.is_empty() {
            let now = state.now();
            if let Some(when) = state.let_in(now) {
                let lane = state.lane(id);
                if lane.let_in.is_empty() && when.has_come(now) {
                    lane.executing += 1;
                    state.begun();
                    return true;
                }
                lane.let_in.push_back(when);
                lane.inbox.put(true);
                return false;
            }
        }
        state.queue_up(id, 1);
        false
    }

    /// When the first of the worker's tasks that are let in may begin.
    pub(super) fn first(&self, id: LaneId) -> Option<When> {
        self.0.lock().lane(id).let_in.front().copied()
    }

    /// The first of the worker's tasks that are let in begins; says when the next one may.
    pub(super) fn begin(&self, id: LaneId) -> (Option<When>, Woken) {
        let mut state = self.0.lock();
        let lane = state.lane(id);
        if lane.let_in.pop_front().is_some() {
            lane.executing += 1;
            state.begun();
        }
        let woken = state.look(id);
        (state.lane(id).let_in.front().copied(), woken)
    }

    /// A task's step has ended.
    pub(super) fn leave(&self, id: LaneId) -> Woken {
        let mut state = self.0.lock();
        state.lane(id).executing -= 1;
        state.free += 1;
        state.look(id)
    }

    /// The worker will begin nothing for a while, or for good: only what executes keeps its place.
    pub(super) fn close(&self, id: LaneId) -> Woken {
        let mut state = self.0.lock();
        state.close(id);
        state.look(id)
    }

    /// The worker begins tasks again. So many have come meanwhile, or had before.
    pub(super) fn reopen(&self, id: LaneId, waiting: usize) -> Woken {
        let mut state = self.0.lock();
        state.lane(id).closed = false;
        state.queue_up(id, waiting);
        state.look(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Rate;

    fn lanes(gate: &Gate, count: usize) -> Vec<LaneId> {
        let lane = |_| gate.join(&Arc::default());
        (0..count).map(lane).collect()
    }

    fn limited(limit: usize) -> Gate {
        Gate::new(Bounds::none().limit(limit))
    }

    fn rated(interval: Duration) -> Gate {
        Gate::new(Bounds::none().rate(Rate::new(1, interval)))
    }

    /// Whose tasks begin, of the lanes that wait, if each step ends as soon as it has begun.
    fn order(gate: &Gate, lanes: &[LaneId]) -> Vec<usize> {
        let mut order = Vec::new();
        while let Some(next) = lanes.iter().position(|&lane| gate.first(lane).is_some()) {
            gate.begin(lanes[next]);
            gate.leave(lanes[next]);
            order.push(next);
        }
        order
    }

    #[test]
    fn tasks_are_let_in_as_they_came_whoever_their_worker_is() {
        let gate = limited(1);
        let lanes = lanes(&gate, 3);
        assert!(gate.enter(lanes[0]));
        let came = [1, 2, 2, 0, 1, 0, 0, 2, 1];
        for next in came {
            assert!(!gate.enter(lanes[next]));
        }
        gate.leave(lanes[0]);
        assert_eq!(order(&gate, &lanes), came);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_does_not_overtake_although_there_would_be_a_time() {
        let gate = rated(Duration::from_millis(10));
        let lanes = lanes(&gate, 4);
        assert!(gate.enter(lanes[0]));
        for lane in [1, 0, 1, 0, 1, 2] {
            assert!(!gate.enter(lanes[lane]));
        }
        // Their times lie between those of the other, and are lost: the next is too far ahead.
        gate.close(lanes[0]);
        assert_eq!(gate.first(lanes[2]), None);
        tokio::time::advance(Duration::from_millis(15)).await;
        assert!(!gate.enter(lanes[3]));
        gate.begin(lanes[1]);
        assert!(gate.first(lanes[2]).is_some());
        assert_eq!(gate.first(lanes[3]), None);
    }

    #[test]
    fn who_comes_does_not_overtake_who_was_let_in_and_has_not_begun() {
        let gate = limited(2);
        let lanes = lanes(&gate, 1);
        assert!(gate.enter(lanes[0]) && gate.enter(lanes[0]));
        assert!(!gate.enter(lanes[0]));
        gate.leave(lanes[0]);
        gate.leave(lanes[0]);
        assert!(!gate.enter(lanes[0]), "it has a place, but not the turn");
        assert_eq!(order(&gate, &lanes), [0, 0]);
    }

    #[test]
    fn who_closes_and_opens_again_queues_anew() {
        let gate = limited(1);
        let lanes = lanes(&gate, 2);
        assert!(gate.enter(lanes[0]));
        for lane in [1, 1, 0, 0] {
            assert!(!gate.enter(lanes[lane]));
        }
        gate.close(lanes[1]);
        assert!(!gate.enter(lanes[1]), "it begins nothing");
        gate.reopen(lanes[1], 3);
        gate.leave(lanes[0]);
        assert_eq!(order(&gate, &lanes), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_lane_is_used_again() {
        let gate = limited(1);
        let lanes = lanes(&gate, 2);
        assert!(gate.enter(lanes[0]));
        assert!(!gate.enter(lanes[1]));
        gate.quit(lanes[0]);
        assert_eq!(gate.join(&Arc::default()), lanes[0]);
        assert_eq!(order(&gate, &lanes), [1]);
    }

    #[test]
    fn any_number_of_tasks_in_a_row_can_be_queued() {
        let gate = limited(1);
        let lanes = lanes(&gate, 2);
        assert!(gate.enter(lanes[0]));
        gate.close(lanes[1]);
        let many = u32::MAX as usize + 5;
        gate.reopen(lanes[1], many);
        let mut state = gate.0.lock();
        assert_eq!(state.queue.len(), 2);
        assert_eq!(
            state.queue.iter().map(|r| r.count as usize).sum::<usize>(),
            many
        );
        state.close(lanes[1]);
        assert!(state.queue.is_empty());
    }
}

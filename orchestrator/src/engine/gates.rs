//! What lets tasks into the steps that have bounds: [`Gates`], a [`Gate`] for each such step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use super::inbox::Inbox;
use super::lock::Lock;
use super::schedule::Schedule;
use crate::{Blueprint, Bounds};

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

/// **Invariant:** while the queue is not empty, either no place is free, or a time is reserved by
/// somebody who is yet to begin. So there is always somebody who will look at the queue again.
#[derive(Debug)]
struct State {
    free: usize,
    schedule: Option<Schedule>,
    queue: VecDeque<InRow>,
    lanes: Vec<Lane>,
    vacant: Vec<LaneId>,
}

/// Tasks of one worker that came one after the other.
#[derive(Debug)]
struct InRow {
    lane: LaneId,
    count: u32,
}

/// Which worker's part of a gate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneId(u32);

/// A worker's part of a gate.
#[derive(Debug)]
struct Lane {
    inbox: Arc<Inbox>,
    /// How many places its executing steps hold.
    executing: usize,
    /// When those may begin that are let in and have not begun. Each holds a place.
    let_in: VecDeque<When>,
    /// How many are in the queue.
    queued: usize,
    /// The worker begins nothing: none of its tasks is let in, and none queued.
    closed: bool,
}

/// When a task that was let in may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The step has no rate.
    Now,
    At(Instant),
}

/// The workers to be woken, unlocked. Mostly none.
pub(super) type Woken = Vec<Waker>;

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

impl State {
    fn lane(&mut self, id: LaneId) -> &mut Lane {
        &mut self.lanes[id.0 as usize]
    }

    /// Read only where there is a use for it.
    fn now(&self) -> Option<Instant> {
        self.schedule.as_ref().map(|_| Instant::now())
    }

    /// Takes a place, and a time if the step has a rate.
    fn let_in(&mut self, now: Option<Instant>) -> Option<When> {
        if self.free == 0 {
            return None;
        }
        let when = match (&mut self.schedule, now) {
            (Some(schedule), Some(now)) => When::At(schedule.reserve(now)?),
            _ => When::Now,
        };
        self.free -= 1;
        Some(when)
    }

    fn begun(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.begun();
        }
    }

    fn queue_up(&mut self, lane: LaneId, mut count: usize) {
        self.lane(lane).queued += count;
        while count > 0 {
            let room = match self.queue.back() {
                Some(last) if last.lane == lane => u32::MAX - last.count,
                _ => 0,
            };
            if room == 0 {
                self.queue.push_back(InRow { lane, count: 0 });
                continue;
            }
            let more = u32::try_from(count).unwrap_or(u32::MAX).min(room);
            if let Some(last) = self.queue.back_mut() {
                last.count += more;
            }
            count -= more as usize;
        }
    }

    /// Lets in whoever can be.
    fn look(&mut self, own: LaneId) -> Woken {
        let mut woken = Vec::new();
        if self.queue.is_empty() {
            return woken;
        }
        let now = self.now();
        while let Some(&InRow { lane: id, count }) = self.queue.front()
            && let Some(when) = self.let_in(now)
        {
            if count > 1 {
                self.queue[0].count -= 1;
            } else {
                self.queue.pop_front();
            }
            let lane = self.lane(id);
            lane.queued -= 1;
            lane.let_in.push_back(when);
            woken.extend(lane.inbox.put(id == own));
        }
        if self.queue.is_empty() && self.queue.capacity() > LARGE {
            self.queue = VecDeque::new();
        }
        woken
    }

    fn close(&mut self, id: LaneId) {
        let lane = self.lane(id);
        lane.closed = true;
        let let_in = std::mem::take(&mut lane.let_in);
        if std::mem::take(&mut lane.queued) > 0 {
            self.queue.retain(|in_row| in_row.lane != id);
        }
        self.free += let_in.len();
        for when in let_in.into_iter().rev() {
            if let (Some(schedule), When::At(time)) = (&mut self.schedule, when) {
                schedule.give_back(time);
            }
        }
    }
}

/// A queue that was longer than this is not kept for its memory.
const LARGE: usize = 1_024;

impl When {
    pub(super) fn has_come(self, now: Option<Instant>) -> bool {
        match self {
            When::Now => true,
            When::At(time) => now.is_some_and(|now| time <= now),
        }
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

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
        let gates: Box<[_]> = steps
            .map(|(step, info)| {
                let bounds = blueprint.bounds(step);
                assert!(
                    bounds.most() != Some(0),
                    "the limit of step `{}` is 0: it would let no task in",
                    info.name()
                );
                (bounds != Bounds::none()).then(|| Gate::new(bounds))
            })
            .collect();
        gates.iter().any(Option::is_some).then_some(Self(gates))
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

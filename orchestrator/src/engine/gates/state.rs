//! What a gate keeps under its lock: [`State`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use tokio::time::Instant;

use super::super::inbox::Inbox;
use super::super::schedule::Schedule;

/// **Invariant:** while the queue is not empty, either no place is free, or a time is reserved by
/// somebody who is yet to begin. So there is always somebody who will look at the queue again.
#[derive(Debug)]
pub(super) struct State {
    pub(super) free: usize,
    pub(super) schedule: Option<Schedule>,
    pub(super) queue: VecDeque<InRow>,
    pub(super) lanes: Vec<Lane>,
    pub(super) vacant: Vec<LaneId>,
}

/// Tasks of one worker that came one after the other.
#[derive(Debug)]
pub(super) struct InRow {
    pub(super) lane: LaneId,
    pub(super) count: u32,
}

/// Which worker's part of a gate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct LaneId(pub(super) u32);

/// A worker's part of a gate.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) inbox: Arc<Inbox>,
    /// How many places its executing steps hold.
    pub(super) executing: usize,
    /// When those may begin that are let in and have not begun. Each holds a place.
    pub(super) let_in: VecDeque<When>,
    /// How many are in the queue.
    pub(super) queued: usize,
    /// The worker begins nothing: none of its tasks is let in, and none queued.
    pub(super) closed: bool,
}

/// When a task that was let in may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum When {
    /// The step has no rate.
    Now,
    At(Instant),
}

/// The workers to be woken, unlocked. Mostly none.
pub(in crate::engine) type Woken = Vec<Waker>;

impl State {
    pub(super) fn lane(&mut self, id: LaneId) -> &mut Lane {
        &mut self.lanes[id.0 as usize]
    }

    /// Read only where there is a use for it.
    pub(super) fn now(&self) -> Option<Instant> {
        self.schedule.as_ref().map(|_| Instant::now())
    }

    /// Takes a place, and a time if the step has a rate.
    pub(super) fn let_in(&mut self, now: Option<Instant>) -> Option<When> {
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

    pub(super) fn begun(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.begun();
        }
    }

    pub(super) fn queue_up(&mut self, lane: LaneId, mut count: usize) {
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
    pub(super) fn look(&mut self, own: LaneId) -> Woken {
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

    pub(super) fn close(&mut self, id: LaneId) {
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
    pub(in crate::engine) fn has_come(self, now: Option<Instant>) -> bool {
        match self {
            When::Now => true,
            When::At(time) => now.is_some_and(|now| time <= now),
        }
    }
}

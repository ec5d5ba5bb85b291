//! A worker's tasks that wait at gates: [`Waiting`].

use tokio::time::Instant;

use super::chunks::Chunks;
use super::contain::discard_all;
use super::gates::When;
use super::parking::Standing;
use super::places::Places;

/// A worker's tasks that wait at gates, those included that were let in and have not begun.
pub(super) struct Waiting<S> {
    /// One for each step that has a gate, in order.
    queues: Vec<Queue<S>>,
    len: usize,
    /// The queue whose turn it is: all take turns.
    turn: usize,
    /// As of the last look at the clock.
    now: Option<Instant>,
    /// The worker begins nothing, and has left the gates' queues.
    closed: bool,
}

struct Queue<S> {
    step: usize,
    tasks: Chunks<Standing<S>>,
    /// When the first task may begin; `None` if it was not let in, as far as is known here.
    first: Option<When>,
}

impl<S> Waiting<S> {
    pub(super) fn new(places: &Places) -> Self {
        let queue = |step| Queue {
            step,
            tasks: Chunks::new(),
            first: None,
        };
        Self {
            queues: places.steps().map(queue).collect(),
            len: 0,
            turn: 0,
            now: None,
            closed: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps a task that was not let into its step.
    pub(super) fn push(&mut self, task: Standing<S>) {
        let step = task.step as usize;
        let Ok(index) = self.queues.binary_search_by_key(&step, |queue| queue.step) else {
            unreachable!("a step without a gate lets every task in");
        };
        self.queues[index].tasks.push(task);
        self.len += 1;
    }

    /// Looks up the time, for tasks that may begin at theirs.
    #[inline]
    pub(super) fn look_at_clock(&mut self) {
        if !self.is_empty() && self.next_time().is_some() {
            self.now = Some(Instant::now());
        }
    }

    /// Looks up who was let in since the last call.
    #[inline(never)]
    pub(super) fn collect(&mut self, places: &Places) {
        if self.closed {
            self.closed = false;
            for queue in &self.queues {
                places.reopen(queue.step, queue.tasks.len());
            }
        }
        if places.look() {
            for queue in &mut self.queues {
                if queue.first.is_none() && !queue.tasks.is_empty() {
                    queue.first = places.first(queue.step);
                }
            }
            self.now = self.next_time().map(|_| Instant::now());
        }
    }

    /// Whether a task may begin.
    pub(super) fn has_let_in(&self) -> bool {
        self.queues.iter().any(|queue| queue.may_begin(self.now))
    }

    /// Takes a task that may begin, and has its place.
    pub(super) fn pop(&mut self, places: &Places) -> Option<Standing<S>> {
        let count = self.queues.len();
        let mut order = (self.turn..count).chain(0..self.turn);
        let index = order.find(|&index| self.queues[index].may_begin(self.now))?;
        self.turn = (index + 1) % count;
        let queue = &mut self.queues[index];
        let task = queue.tasks.pop()?;
        queue.first = places.begin(queue.step);
        self.len -= 1;
        Some(task)
    }

    /// The worker begins nothing until it collects again.
    pub(super) fn close(&mut self, places: &Places) {
        if self.len > 0 && !self.closed {
            self.closed = true;
            for queue in &mut self.queues {
                queue.first = None;
            }
            places.close();
        }
    }

    /// When the next task that was let in may begin, of those whose step has a rate.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let times = self.queues.iter().filter_map(|queue| match queue.first {
            Some(When::At(time)) => Some(time),
            _ => None,
        });
        times.min()
    }

    /// Moves all tasks to the end of another queue.
    pub(super) fn move_to(&mut self, other: &mut Chunks<Standing<S>>) {
        for queue in &mut self.queues {
            other.append(&mut queue.tasks);
        }
        self.len = 0;
    }
}

impl<S> Queue<S> {
    fn may_begin(&self, now: Option<Instant>) -> bool {
        self.first.is_some_and(|when| when.has_come(now))
    }
}

impl<S> Drop for Waiting<S> {
    fn drop(&mut self) {
        for queue in &mut self.queues {
            discard_all(std::iter::from_fn(|| queue.tasks.pop()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::gates::Gates;
    use super::*;
    use crate::{Bounds, TaskId};

    fn task(step: u32, ordinal: u64) -> Standing<()> {
        Standing {
            state: (),
            id: TaskId(ordinal),
            ordinal,
            attempt: 1,
            step,
        }
    }

    #[test]
    fn steps_take_turns() {
        let bounds = Bounds::none().limit(1);
        let gates = Gates::of([Bounds::none(), bounds, bounds].into_iter());
        let places = Places::new(Some(Arc::new(gates)), 3);
        let mut waiting = Waiting::new(&places);
        assert!(places.enter(1) && places.enter(2));
        for ordinal in 0..3 {
            for step in [1, 2] {
                assert!(!places.enter(step as usize));
                waiting.push(task(step, ordinal));
            }
        }
        waiting.collect(&places);
        assert!(waiting.pop(&places).is_none());
        places.leave(1);
        places.leave(2);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            waiting.collect(&places);
            assert!(waiting.has_let_in());
            let task = waiting.pop(&places).unwrap();
            places.leave(task.step as usize);
            order.push((task.step, task.ordinal));
        }
        assert_eq!(order, [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (2, 2)]);
    }
}

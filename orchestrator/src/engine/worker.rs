//! What drives tasks: [`work`].

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::contain::contain_call;
use super::drive::{Turn, drive};
use super::intake::{Admitted, Taken};
use super::pace::{BATCH, Pace};
use super::parking::{Parking, Standing};
use super::permits::Seat;
use super::run::{Phase, Run};
use super::slots::Slots;
use super::stats::Report;
use crate::context::RunContext;
use crate::{Blueprint, StepFailure, TaskError, TaskResult};

/// How many futures a worker polls before it lets others run on its thread.
const TURN: usize = 512;

/// Drives tasks until the input has ended and all that were admitted have a result, or until nobody
/// takes the results any more.
pub(super) async fn work<B: Blueprint>(run: Arc<Run<B>>, index: usize) {
    let phase = Phase::default();
    // An `Arc` of the worker's own: tasks clone it, and workers do not contend for its count.
    let context = Arc::new(RunContext {
        id: Arc::clone(&run.id),
        steps: B::STEPS,
        cancelled: run.ending.cancelled.clone(),
    });
    let drive = |task| drive(&*run.blueprint, task, &phase, Arc::clone(&context));
    let mut cancelled = pin!(run.ending.cancelled.cancelled());
    let mut abandoned = pin!(run.ending.abandoned.cancelled());
    let mut worker = Worker {
        run: &run,
        index,
        phase: &phase,
        seat: Seat::new(Arc::clone(&run.permits), run.workers),
        starved: false,
        slots: Slots::new(),
        parking: Parking::new(),
        ready: VecDeque::new(),
        admitted: VecDeque::new(),
        pace: Pace::new(),
        hands_over: false,
        input_ended: false,
        results: Vec::new(),
        room: true,
        grace: None,
        report: Report::new(&run.gauges),
    };
    std::future::poll_fn(|cx| {
        if worker.phase.is_running() && cancelled.as_mut().poll(cx).is_ready() {
            worker.stop();
        }
        if !worker.phase.is_running() && abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        worker.poll(cx, &drive)
    })
    .await;
}

struct Worker<'run, B: Blueprint, F> {
    run: &'run Run<B>,
    index: usize,
    phase: &'run Phase,
    seat: Seat,
    /// Whether there was a task to start and no permit for it; then the seat is in the queue.
    starved: bool,
    slots: Slots<F>,
    parking: Parking<B::State>,
    /// Tasks whose pause was zero.
    ready: VecDeque<Standing<B::State>>,
    admitted: VecDeque<Admitted<B::Input>>,
    /// How many tasks to take from the intake at a time.
    pace: Pace,
    input_ended: bool,
    /// Whether another worker was woken to take tasks, which may be on this very thread.
    hands_over: bool,
    /// Handed on when they are a batch, or when there is nothing else to do.
    results: Vec<TaskResult<B::Output>>,
    /// Whether the outlet had room when it was last asked.
    room: bool,
    /// Set once the run is being shut down, until the grace time is over.
    grace: Option<Pin<Box<Sleep>>>,
    report: Report<'run>,
}

impl<B, F> Worker<'_, B, F>
where
    B: Blueprint,
    F: Future<Output = Turn<B>>,
{
    fn poll(&mut self, cx: &mut Context<'_>, drive: &impl Fn(Standing<B::State>) -> F) -> Poll<()> {
        self.poll_grace(cx);
        let mut left = TURN;
        loop {
            let before = left;
            self.poll_woken(&mut left);
            if self.phase.is_running() {
                self.start_tasks(&mut left, cx, drive);
            } else {
                self.drop_tasks(&mut left, cx);
            }
            if left == 0 || std::mem::take(&mut self.hands_over) {
                self.hand_on();
                self.report();
                self.seat.share();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if left == before {
                self.hand_on();
                if self.is_through() {
                    return Poll::Ready(());
                }
                if self.sleep(cx) {
                    return Poll::Pending;
                }
            }
        }
    }

    /// Polls futures that were woken.
    fn poll_woken(&mut self, left: &mut usize) {
        if !self.slots.has_woken() {
            self.slots.collect_woken();
        }
        while *left > 0
            && let Some(poll) = self.slots.poll_woken()
        {
            *left -= 1;
            if let Poll::Ready(turn) = poll {
                self.seat.put_back();
                self.finish(turn);
            }
        }
    }

    /// Starts tasks for as long as there are some, permits for them, and room for their results:
    /// those that waited before those that are new.
    fn start_tasks(
        &mut self,
        left: &mut usize,
        cx: &Context<'_>,
        drive: &impl Fn(Standing<B::State>) -> F,
    ) {
        self.parking.collect_due();
        self.starved = false;
        while *left > 0 && self.room && self.has_task(cx) && !self.hands_over {
            if !self.seat.take(cx) {
                self.starved = true;
                return;
            }
            let Some(task) = self.next_task() else {
                self.seat.put_back();
                return;
            };
            *left -= 1;
            if let Poll::Ready(turn) = self.slots.start(drive(task)) {
                self.seat.put_back();
                self.finish(turn);
            }
        }
    }

    /// Whether there is a task to start; if not, the worker will be woken when one comes in.
    fn has_task(&mut self, cx: &Context<'_>) -> bool {
        if !self.ready.is_empty() || self.parking.has_due() || !self.admitted.is_empty() {
            return true;
        }
        !self.input_ended && self.refill(cx)
    }

    fn refill(&mut self, cx: &Context<'_>) -> bool {
        self.pace.next();
        let taken = self
            .run
            .intake
            .take(self.index, self.pace.portion(), &mut self.admitted, cx);
        self.input_ended = taken == Taken::Closed;
        self.hands_over = taken == Taken::SomeAndOthersToo;
        matches!(taken, Taken::Some | Taken::SomeAndOthersToo)
    }

    fn next_task(&mut self) -> Option<Standing<B::State>> {
        if let Some(task) = self.ready.pop_front() {
            return Some(task);
        }
        if let Some(task) = self.parking.pop_due() {
            return Some(task);
        }
        let Admitted { id, ordinal, input } = self.admitted.pop_front()?;
        Some(Standing {
            state: B::start(input),
            id,
            ordinal,
            attempt: 1,
            step: 0,
        })
    }

    fn finish(&mut self, turn: Turn<B>) {
        match turn {
            Turn::Ended(result) => self.deliver(result),
            Turn::Waits(task, _) if !self.phase.is_running() => self.cancel(task),
            Turn::Waits(task, Duration::ZERO) => self.ready.push_back(task),
            Turn::Waits(task, pause) => self.parking.park(task, pause),
        }
    }

    fn deliver(&mut self, result: TaskResult<B::Output>) {
        self.results.push(result);
        if self.results.len() >= BATCH {
            self.hand_on();
        }
    }

    /// Hands on the results so far.
    fn hand_on(&mut self) {
        if !self.results.is_empty() {
            self.room = self.run.outlet.push(&mut self.results);
        }
    }

    /// The run is being shut down: no step begins from now on.
    fn stop(&mut self) {
        self.phase.stop();
        self.parking.all_due();
        self.grace = Some(Box::pin(tokio::time::sleep(self.run.grace)));
    }

    fn poll_grace(&mut self, cx: &mut Context<'_>) {
        let over = self
            .grace
            .as_mut()
            .is_some_and(|grace| grace.as_mut().poll(cx).is_ready());
        if over {
            self.grace = None;
            self.phase.abort();
            self.slots.wake_all();
        }
    }

    /// Gives tasks that no step will be begun for their result.
    fn drop_tasks(&mut self, left: &mut usize, cx: &Context<'_>) {
        while *left > 0 && self.room && self.has_task(cx) {
            let Some(task) = self.next_task() else {
                return;
            };
            *left -= 1;
            self.cancel(task);
        }
    }

    fn cancel(&mut self, task: Standing<B::State>) {
        let step = B::STEPS[task.step as usize].name();
        let error = TaskError::new(step, task.attempt - 1, StepFailure::cancelled());
        self.deliver(TaskResult::new(task.id, task.ordinal, Err(error)));
        // A value that panics when it is dropped is no reason for others to lose their results.
        let _ = contain_call(|| drop(task.state));
    }

    /// Whether the input has ended and nothing is left that could give a result.
    fn is_through(&self) -> bool {
        self.input_ended
            && self.slots.executing() == 0
            && self.parking.waiting() == 0
            && self.ready.is_empty()
            && self.admitted.is_empty()
    }

    /// Asks to be woken by whatever may give the worker something to do. Says no if something
    /// already has.
    ///
    /// The intake and the permits were asked when tasks were last looked for; they will wake it.
    fn sleep(&mut self, cx: &mut Context<'_>) -> bool {
        self.report();
        if !self.starved {
            self.seat.release();
        }
        if !self.room {
            self.room = self.run.outlet.has_room(self.index, cx);
            if self.room {
                return false;
            }
        }
        if self.parking.poll_next_due(cx).is_ready() {
            return false;
        }
        self.slots.sleep(cx.waker())
    }

    fn report(&mut self) {
        self.report
            .update(self.slots.executing(), self.parking.waiting());
    }
}

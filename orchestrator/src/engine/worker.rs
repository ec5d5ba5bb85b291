//! What drives tasks: [`work`].

mod durably;
mod next;
mod shutdown;

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::contain::discard_all;
use super::drive::{CameTo, Common, Driven, STEPS, drive};
use super::intake::Admitted;
use super::ledger::Ledger;
use super::pace::{BATCH, Pace};
use super::parking::{Parking, Standing};
use super::permits::Seat;
use super::places::Places;
#[cfg(feature = "restate")]
use super::results::Breaker;
use super::run::{Phase, Run};
use super::slots::Slots;
use super::stats::Report;
use super::timer::Timer;
use super::turn::Turn;
use super::waiting::Waiting;
use crate::context::RunContext;
use crate::{Blueprint, TaskResult};

/// Drives tasks until the input has ended and all that were admitted have a result, or until nobody
/// takes the results any more.
pub(super) async fn work<B: Blueprint>(run: Arc<Run<B>>, index: usize) {
    // Made before the worker, and so dropped after it: places come back when no step is left in them.
    let common = Common {
        phase: Phase::default(),
        places: Places::new(run.gates.clone(), B::STEPS.len()),
        // What is recorded is where a task came to by each step.
        steps: if run.recorder.is_some() { 1 } else { STEPS },
    };
    // An `Arc` of the worker's own: workers do not contend for its count.
    let context = Arc::new(RunContext {
        id: Arc::clone(&run.id),
        steps: B::STEPS,
        cancelled: run.ending.cancelled.clone(),
        #[cfg(feature = "restate")]
        breaker: Some(Breaker(Arc::clone(&run.ending))),
    });
    let drive = |task, context| drive(&*run.blueprint, task, &common, context);
    let mut cancelled = pin!(run.ending.cancelled.cancelled());
    let mut abandoned = pin!(run.ending.abandoned.cancelled());
    let mut worker = Worker {
        slots: Slots::new(),
        parking: Parking::new(),
        waiting: Waiting::new(&common.places),
        timer: Timer::default(),
        ready: VecDeque::new(),
        admitted: VecDeque::new(),
        results: Vec::new(),
        ledger: run.recorder.clone().map(Ledger::new),
        seat: Seat::new(Arc::clone(&run.permits)),
        run: &run,
        index,
        phase: &common.phase,
        places: &common.places,
        context,
        lent: Vec::new(),
        pace: Pace::new(),
        new_is_next: false,
        due_is_next: false,
        input_ended: false,
        idle: false,
        room: true,
        grace: None,
        report: Report::new(&run.gauges),
    };
    std::future::poll_fn(|cx| {
        if worker.phase.is_running() && cancelled.as_mut().poll(cx).is_ready() {
            worker.stop(run.ending.abandoned.is_cancelled());
        }
        if !worker.phase.is_running() && abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        worker.poll(cx, &drive)
    })
    .await;
}

// The fields are dropped in this order: permits come back when no step is left that they are for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something of its own, and is read where it is set"
)]
struct Worker<'run, B: Blueprint, F> {
    slots: Slots<F>,
    parking: Parking<B::State>,
    waiting: Waiting<B::State>,
    timer: Timer,
    /// Tasks whose pause was zero.
    ready: VecDeque<Standing<B::State>>,
    admitted: VecDeque<Admitted<B>>,
    /// Handed on when they are a batch, or when there is nothing else to do.
    results: Vec<TaskResult<B::Output>>,
    /// Set where the run is recorded.
    ledger: Option<Ledger<B>>,
    seat: Seat,
    run: &'run Run<B>,
    index: usize,
    phase: &'run Phase,
    places: &'run Places,
    context: Arc<RunContext>,
    /// Clones of `context` that came back. Most tasks need one for no longer than a poll, and
    /// counting it each time would cost more than their steps.
    lent: Vec<Arc<RunContext>>,
    /// How many tasks to take from the intake at a time.
    pace: Pace,
    /// New tasks and those whose pause was zero take turns: neither shuts out the other.
    new_is_next: bool,
    /// As do tasks that were let in and those whose time has come.
    due_is_next: bool,
    input_ended: bool,
    /// Whether the intake counts on this worker being asleep.
    idle: bool,
    /// Whether the outlet had room when it was last asked.
    room: bool,
    /// Set once the run is being shut down, until the grace time is over.
    grace: Option<Pin<Box<Sleep>>>,
    report: Report<'run>,
}

/// What keeps a worker from beginning another task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Time,
    Task,
    Permit,
    Room,
}

impl<B, F> Worker<'_, B, F>
where
    B: Blueprint,
    F: Future<Output = Driven<B>>,
{
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        drive: &impl Fn(Standing<B::State>, Arc<RunContext>) -> F,
    ) -> Poll<()> {
        if std::mem::take(&mut self.idle) {
            self.run.intake.awake(self.index);
        }
        if !self.room {
            self.room = self.run.outlet.has_room(self.index, cx);
        }
        self.poll_grace(cx);
        self.seat.begin_turn();
        self.places.begin_turn();
        let mut turn = Turn::begin();
        loop {
            let before = turn.done();
            self.settle(&mut turn);
            self.poll_woken(&mut turn);
            let lack = self.take_tasks(&mut turn, cx, drive);
            self.turn_page(cx);
            if turn.is_over() {
                self.hand_on();
                self.report();
                if lack == Lack::Room {
                    self.waiting.close(self.places);
                }
                match lack {
                    Lack::Task | Lack::Room => self.seat.release(),
                    Lack::Permit | Lack::Time => self.seat.yield_spare(),
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if turn.done() == before {
                self.hand_on();
                if lack == Lack::Room && self.room {
                    // Handing on the last results showed that there is room again.
                    continue;
                }
                if self.is_through() {
                    return Poll::Ready(());
                }
                if self.sleep(lack, cx) {
                    return Poll::Pending;
                }
            }
        }
    }

    /// Polls futures that were woken.
    fn poll_woken(&mut self, turn: &mut Turn) {
        if !self.slots.has_woken() {
            self.slots.collect_woken();
        }
        turn.check_budget();
        while !turn.is_over()
            && let Some(poll) = self.slots.poll_woken()
        {
            if let Poll::Ready(driven) = poll {
                self.finish(driven);
            }
            turn.count();
            turn.check_budget();
        }
    }

    /// Begins tasks, or cancels them if the run is being shut down, until something is lacking: one
    /// at least, so that futures which take whole turns do not shut tasks out.
    fn take_tasks(
        &mut self,
        turn: &mut Turn,
        cx: &Context<'_>,
        drive: &impl Fn(Standing<B::State>, Arc<RunContext>) -> F,
    ) -> Lack {
        self.parking.collect_due();
        self.waiting.look_at_clock();
        loop {
            if self.seat.has_woken() || self.places.has_woken() {
                // A step that keeps the thread busy would hold up who was given the permit or place.
                turn.end();
                return Lack::Time;
            }
            if !self.room {
                return Lack::Room;
            }
            if !self.has_task() {
                return Lack::Task;
            }
            if !self.phase.is_running() {
                if let Some(task) = self.next_task() {
                    self.cancel(task);
                }
            } else if !self.seat.take(cx) {
                return Lack::Permit;
            } else if let Some(task) = self.next_let_in() {
                self.begin(task, drive);
            } else {
                self.seat.put_back();
            }
            turn.count();
            if turn.is_over() {
                return Lack::Time;
            }
        }
    }

    /// Begins a task that was let in, under the permit that was taken.
    #[inline]
    fn begin(
        &mut self,
        task: Standing<B::State>,
        drive: &impl Fn(Standing<B::State>, Arc<RunContext>) -> F,
    ) {
        let context = match self.lent.pop() {
            Some(context) => context,
            None => Arc::clone(&self.context),
        };
        if let Poll::Ready(driven) = self.slots.start(drive(task, context)) {
            self.finish(driven);
        }
    }

    /// Takes a task out of its slot, and to where it came to.
    fn finish(&mut self, driven: Driven<B>) {
        self.lent.push(driven.run);
        if self.ledger.is_some() {
            self.note(driven.came_to);
        } else {
            self.seat.put_back();
            self.come_to(driven.came_to);
        }
    }

    #[inline]
    fn come_to(&mut self, came_to: CameTo<B>) {
        match came_to {
            CameTo::Ended(result) => self.deliver(result),
            CameTo::Waits(task, _) if !self.phase.is_running() => self.cancel(task),
            CameTo::Waits(task, Duration::ZERO) => self.ready.push_back(task),
            CameTo::Waits(task, pause) => self.parking.park(task, pause),
            CameTo::AtGate(task) => self.waiting.push(task),
        }
    }

    #[inline]
    fn deliver(&mut self, result: TaskResult<B::Output>) {
        if self.ledger.is_some() {
            self.deliver_others(&result);
        }
        self.results.push(result);
        if self.results.len() >= BATCH {
            self.hand_on();
        }
    }

    /// Hands on the results so far.
    fn hand_on(&mut self) {
        if !self.results.is_empty() {
            if self.run.recorder.is_some() {
                self.run.ended.add(self.results.len());
            }
            self.room = self.run.outlet.push(&mut self.results);
        }
    }

    /// Whether the input has ended and nothing is left that could give a result.
    fn is_through(&self) -> bool {
        self.input_ended
            && self.slots.executing() == 0
            && self.uncommitted() == 0
            && self.parking.waiting() == 0
            && self.waiting.is_empty()
            && self.ready.is_empty()
            && self.admitted.is_empty()
    }

    /// Gives back the permits that are not in use, and asks to be woken by whatever may give the
    /// worker something to do. Says no if something already has.
    fn sleep(&mut self, lack: Lack, cx: &mut Context<'_>) -> bool {
        self.report();
        if lack != Lack::Permit {
            self.seat.release();
        }
        if lack == Lack::Room {
            self.waiting.close(self.places);
        }
        if !self.room {
            self.room = self.run.outlet.has_room(self.index, cx);
            if self.room {
                return false;
            }
        }
        // A task that comes due could not begin for want of room or a permit: those wake the worker.
        if lack == Lack::Task {
            let times = [self.parking.next_due(), self.waiting.next_time()];
            if let Some(at) = times.into_iter().flatten().min()
                && self.timer.poll_until(at, cx).is_ready()
            {
                return false;
            }
            if !self.waiting.is_empty() && !self.places.sleep(cx.waker()) {
                return false;
            }
        }
        if !self.slots.sleep(cx.waker()) || self.has_settled() {
            return false;
        }
        if lack == Lack::Task && !self.input_ended {
            self.idle = self.run.intake.sleep(self.index, cx.waker());
            return self.idle;
        }
        true
    }

    fn report(&mut self) {
        let waiting = self.parking.waiting() + self.waiting.len();
        self.report.update(self.slots.executing(), waiting);
    }
}

impl<B: Blueprint, F> Drop for Worker<'_, B, F> {
    fn drop(&mut self) {
        discard_all(self.ready.drain(..));
        discard_all(self.admitted.drain(..));
        discard_all(self.results.drain(..));
    }
}

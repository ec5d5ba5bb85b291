//! Pulls the input as far as the window allows: [`admit`].

mod recorded;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio_util::sync::WaitForCancellationFuture;

use super::contain::{contain_call, poll_contained};
use super::intake::{Admitted, Arrival, KnownEnd};
use super::pace::BATCH;
use super::recall::Recall;
use super::run::Run;
use super::source::Source;
use super::turn::Turn;
use crate::{Blueprint, StepFailure, Task, TaskError, TaskId};

/// Pulls tasks from the source, gives them their ordinals and hands them to the workers, until the
/// source ends.
///
/// Every task that was pulled is handed on, whatever happens: each gives a result.
pub(super) async fn admit<B, S>(source: S, run: Arc<Run<B>>)
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    let mut cancelled = pin!(run.ending.cancelled.cancelled());
    let mut abandoned = pin!(run.ending.abandoned.cancelled());
    let mut admission = Admission {
        recall: run.recorder.clone().map(Recall::new),
        source,
        run: &run,
        closed: false,
        batch: Vec::with_capacity(BATCH),
        admitted: 0,
        ended: false,
        panicked: false,
    };
    std::future::poll_fn(|cx| admission.poll(cancelled.as_mut(), abandoned.as_mut(), cx)).await;
    let Admission { source, batch, .. } = admission;
    // Before the workers may leave: the consumer is to see a panic of this, too.
    if let Err(panic) = contain_call(|| drop(source)) {
        run.outlet.panicked(panic);
    }
    run.intake.close(batch);
}

struct Admission<'run, B: Blueprint, S> {
    source: S,
    run: &'run Run<B>,
    /// Set where the run is recorded.
    recall: Option<Recall<B>>,
    /// Whether the source was told that no more is wanted.
    closed: bool,
    batch: Vec<Admitted<B>>,
    admitted: u64,
    /// Whether the source has ended.
    ended: bool,
    /// Whether it ended by a panic.
    panicked: bool,
}

impl<B, S> Admission<'_, B, S>
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    fn poll(
        &mut self,
        cancelled: Pin<&mut WaitForCancellationFuture<'_>>,
        abandoned: Pin<&mut WaitForCancellationFuture<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.closed && cancelled.poll(cx).is_ready() {
            self.closed = true;
            if let Err(panic) = contain_call(|| self.source.close()) {
                self.run.outlet.panicked(panic);
                self.ended = true;
            }
        }
        if self.closed && abandoned.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut turn = Turn::begin();
        loop {
            if !self.batch.is_empty() {
                self.note_admitted();
                ready!(self.run.intake.poll_offer(&mut self.batch, cx));
            }
            if self.take_due(cx) {
                continue;
            }
            if self.ended {
                return self.poll_all_ended(cx);
            }
            if turn.is_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let limit = ready!(self.run.window.poll_limit(self.admitted, cx));
            let mut waits = false;
            while !self.ended
                && !waits
                && self.admitted < limit
                && self.batch.len() < BATCH
                && !turn.is_over()
            {
                match self.poll_next(cx) {
                    Poll::Ready(more) => self.ended = !more,
                    Poll::Pending => waits = true,
                }
                turn.count();
            }
            if waits {
                // What came before the pause is not kept waiting for what comes after it.
                if !self.batch.is_empty() {
                    self.note_admitted();
                    ready!(self.run.intake.poll_offer(&mut self.batch, cx));
                }
                return Poll::Pending;
            }
        }
    }

    /// Admits one more task. Says no once there are no more.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.recall.is_some() && self.source.recalls_all() && self.recalls_more() {
            return Poll::Ready(self.recall_next());
        }
        match poll_contained(|| self.source.poll_next(cx)) {
            Poll::Ready(Ok(Some(task))) => self.take(task),
            Poll::Ready(Ok(None)) => {
                self.check_end();
                return Poll::Ready(false);
            }
            Poll::Ready(Err(panic)) => {
                self.run.outlet.panicked(panic);
                self.panicked = true;
                return Poll::Ready(false);
            }
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(true)
    }

    fn take(&mut self, task: Task<B::Input>) {
        let ordinal = self.source.given().unwrap_or(self.admitted);
        self.admitted += 1;
        let Some(recall) = &mut self.recall else {
            self.batch.push(Admitted {
                id: task.id,
                ordinal,
                arrival: Arrival::New(task.input),
            });
            return;
        };
        let id = task.id;
        if let Some(reason) = self.run.ending.broken() {
            self.batch.push(stopped::<B>(id, ordinal, reason.reason()));
            return;
        }
        match recall.meet(ordinal, task) {
            Ok(Some(task)) => self.batch.push(task),
            Ok(None) => {}
            Err(error) => {
                let stopped = stopped::<B>(id, ordinal, &error);
                self.run.ending.break_down(error);
                self.batch.push(stopped);
            }
        }
    }
}

/// A task that gives the reason why the run stops as its result.
fn stopped<B: Blueprint>(id: TaskId, ordinal: u64, reason: &anyhow::Error) -> Admitted<B> {
    let error = TaskError::new(B::STEPS[0].name(), 0, StepFailure::stopped(reason));
    Admitted {
        id,
        ordinal,
        arrival: Arrival::Ended(Box::new(KnownEnd {
            outcome: Err(error),
            replayed: false,
        })),
    }
}

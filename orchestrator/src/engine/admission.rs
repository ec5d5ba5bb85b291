//! Pulls the input as far as the window allows: [`admit`].

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use super::contain::{contain_call, poll_contained};
use super::intake::Admitted;
use super::pace::BATCH;
use super::run::Run;
use super::source::Source;
use super::turn::Turn;
use crate::{Blueprint, Task};

/// Pulls tasks from the source, gives them their ordinals and hands them to the workers, until the
/// source ends.
///
/// Every task that was pulled is handed on, whatever happens: each gives a result.
pub(super) async fn admit<B, S>(mut source: S, run: Arc<Run<B>>)
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    let mut cancelled = pin!(run.ending.cancelled.cancelled());
    let mut abandoned = pin!(run.ending.abandoned.cancelled());
    let mut closed = false;
    let mut batch = Vec::with_capacity(BATCH);
    let mut admitted = 0;
    let mut ended = false;
    std::future::poll_fn(|cx| {
        if !closed && cancelled.as_mut().poll(cx).is_ready() {
            closed = true;
            if let Err(panic) = contain_call(|| source.close()) {
                run.outlet.panicked(panic);
                ended = true;
            }
        }
        if closed && abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut turn = Turn::begin();
        loop {
            if !batch.is_empty() {
                ready!(run.intake.poll_offer(&mut batch, cx));
            }
            if ended {
                return Poll::Ready(());
            }
            if turn.is_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let limit = ready!(run.window.poll_limit(admitted, cx));
            let mut waits = false;
            while !ended && !waits && admitted < limit && batch.len() < BATCH && !turn.is_over() {
                match poll_contained(|| source.poll_next(cx)) {
                    Poll::Ready(Ok(Some(Task { id, input }))) => {
                        let ordinal = admitted;
                        batch.push(Admitted { id, ordinal, input });
                        admitted += 1;
                    }
                    Poll::Ready(Ok(None)) => ended = true,
                    Poll::Ready(Err(panic)) => {
                        run.outlet.panicked(panic);
                        ended = true;
                    }
                    Poll::Pending => waits = true,
                }
                turn.count();
            }
            if waits {
                // What came before the pause is not kept waiting for what comes after it.
                if !batch.is_empty() {
                    ready!(run.intake.poll_offer(&mut batch, cx));
                }
                return Poll::Pending;
            }
        }
    })
    .await;
    // Before the workers may leave: the consumer is to see a panic of this, too.
    if let Err(panic) = contain_call(|| drop(source)) {
        run.outlet.panicked(panic);
    }
    run.intake.close(batch);
}

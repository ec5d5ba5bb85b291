//! Pulls the input as far as the window allows: [`admit`].

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use futures_core::Stream;

use super::contain::poll_contained;
use super::intake::Admitted;
use super::pace::{BATCH, Pace};
use super::run::Run;
use crate::{Blueprint, Task};

/// How many batches in a row before others on this thread get their turn.
const TURN: usize = 64;

/// Pulls tasks from the input, gives them their ordinals and hands them to the workers, until the
/// input ends or the run is cancelled.
///
/// Every task that was pulled is handed on, also after cancellation: each gives a result.
pub(super) async fn admit<B, S>(input: S, run: Arc<Run<B>>)
where
    B: Blueprint,
    S: Stream<Item = Task<B::Input>>,
{
    let mut input = pin!(input);
    let mut cancelled = pin!(run.ending.cancelled.cancelled());
    let mut batch = Vec::with_capacity(BATCH);
    let mut pace = Pace::new();
    let mut places = 0;
    let mut ordinal = 0;
    let mut ended = false;
    std::future::poll_fn(|cx| {
        if cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        for _ in 0..TURN {
            if !batch.is_empty() && ready!(run.intake.poll_offer(&mut batch, cx)) {
                break;
            }
            if ended {
                return Poll::Ready(());
            }
            if places == 0 {
                places = ready!(run.window.poll_take(BATCH, cx));
            }
            pace.next();
            let mut waits = false;
            while batch.len() < pace.portion().min(places) && !ended && !waits {
                match poll_contained(|| input.as_mut().poll_next(cx)) {
                    Poll::Ready(Ok(Some(Task { id, input }))) => {
                        batch.push(Admitted { id, ordinal, input });
                        ordinal += 1;
                    }
                    Poll::Ready(Ok(None)) => ended = true,
                    Poll::Ready(Err(panic)) => {
                        run.outlet.panicked(panic);
                        ended = true;
                    }
                    Poll::Pending => waits = true,
                }
            }
            places -= batch.len();
            if waits {
                // What came before the pause is not kept waiting for what comes after it.
                if !batch.is_empty() {
                    let _ = ready!(run.intake.poll_offer(&mut batch, cx));
                }
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    run.intake.close(batch);
}

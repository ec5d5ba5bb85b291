//! What the code that `#[blueprint]` writes calls. Not for anybody else: no promise is kept here.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

pub use anyhow;

use crate::{Advance, Retry, StepContext, StepFailure};

/// The value that a step yields is the one that the next step takes.
///
/// `StepName` is an empty type that bears the taking step's name, for the message.
#[diagnostic::on_unimplemented(
    message = "step `{StepName}` takes `{Next}`, but the step before it yields `{Self}`",
    label = "expected `{Self}`, which the step before yields"
)]
pub trait Feeds<Next, StepName> {
    /// Hands the value on.
    fn feed(self) -> Next;
}

#[diagnostic::do_not_recommend]
impl<T, StepName> Feeds<T, StepName> for T {
    fn feed(self) -> T {
        self
    }
}

/// The types in a step's `Result`, whatever alias it is written by.
#[diagnostic::on_unimplemented(message = "`{Self}` is named `Result` but is not one")]
pub trait StepResult {
    /// What the step yields.
    type Ok;
    /// How it fails.
    type Error;
}

impl<T, E> StepResult for Result<T, E> {
    type Ok = T;
    type Error = E;
}

/// Runs `step` for at most `limit`.
///
/// # Errors
///
/// The failure that says so, if it takes longer. The step's future is dropped then.
pub async fn within<F: Future>(limit: Duration, step: F) -> Result<F::Output, StepFailure> {
    let mut step = pin!(step);
    // A timer costs more than a step that is ready at once, so it is made only for one that is not.
    let first = std::future::poll_fn(|cx| Poll::Ready(step.as_mut().poll(cx))).await;
    if let Poll::Ready(output) = first {
        return Ok(output);
    }
    tokio::time::timeout(limit, step)
        .await
        .map_err(|_| StepFailure::timed_out(limit))
}

/// The end of an attempt that failed: another attempt from `kept` after a pause, or the task's end.
///
/// `kept` is the state before the step; the caller made it only where `retry` allows an attempt.
pub fn failed<S, O>(
    failure: StepFailure,
    kept: Option<S>,
    retry: &Retry,
    cx: &StepContext,
) -> Advance<S, O> {
    let again = match kept {
        Some(state) if !failure.is_permanent() && retry.allows_after(cx.attempt()) => {
            let pause = failure
                .retry_after()
                .unwrap_or_else(|| retry.pause(cx.attempt()));
            Some((state, pause))
        }
        _ => None,
    };
    Advance::Failed { failure, again }
}

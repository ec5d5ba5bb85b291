//! Panics are kept to the task that they happen in: [`contain`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::outlet::Panic;

/// Polls a future and turns its panic into an error. A future that panicked is not polled again:
/// whoever gets the error drops it, so what it broke is seen by nobody.
pub(super) fn poll_contained<F: Future>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Panic>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// Runs a future and turns its panic into an error.
pub(super) async fn contain<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| poll_contained(future.as_mut(), cx)).await
}

/// Runs `drop` or the like and turns its panic into an error.
pub(super) fn contain_call(call: impl FnOnce()) -> Result<(), Panic> {
    catch_unwind(AssertUnwindSafe(call))
}

/// What a panic says.
pub(super) fn message(panic: &Panic) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "with no message"
    }
}

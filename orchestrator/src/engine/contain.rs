//! Panics are kept to the task that they happen in: [`contain`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::outlet::Panic;

/// Polls something and turns its panic into an error. What panicked is not polled again: whoever
/// gets the error drops it, so what it broke is seen by nobody.
pub(super) fn poll_contained<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Result<T, Panic>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// Runs a future and turns its panic into an error.
pub(super) async fn contain<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| poll_contained(|| future.as_mut().poll(cx))).await
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

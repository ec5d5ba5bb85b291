//! Panics are kept to the task that they happen in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What a panic left behind.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls something of the user's and turns its panic into an error.
///
/// What panicked is not used again: whoever gets the error drops it, so what it broke is seen by
/// nobody.
pub(super) fn contain_call<T>(call: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(call))
}

/// Calls what reads or writes a value of the user's, and turns its panic into an error.
#[cfg(any(feature = "journal", feature = "restate"))]
pub(crate) fn contained<T>(call: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    contain_call(call).unwrap_or_else(|panic| {
        let error = anyhow::anyhow!("panicked: {}", message(&panic));
        discard(panic);
        Err(error.context("a value could not be read or written"))
    })
}

/// Polls something of the user's and turns its panic into an error.
pub(super) fn poll_contained<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Result<T, Panic>> {
    match contain_call(poll) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// Runs a future and turns its panic into an error.
pub(crate) async fn contain<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| poll_contained(|| future.as_mut().poll(cx))).await
}

/// Drops a value of the user's, whatever it does about it.
pub(super) fn discard<T>(value: T) {
    discard_with(|| drop(value));
}

/// Drops something of the user's where it is, whatever it does about it.
pub(super) fn discard_with(drop: impl FnOnce()) {
    if let Err(panic) = contain_call(drop) {
        // A payload that panics in its turn would panic here: better to leak it.
        std::mem::forget(panic);
    }
}

/// Drops values of the user's one by one, whatever they do about it.
pub(crate) fn discard_all<T>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(discard);
}

/// What a panic says.
pub(crate) fn message(panic: &Panic) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "with no message"
    }
}

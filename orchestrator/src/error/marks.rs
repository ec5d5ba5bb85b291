//! Marks that a step puts on its errors: [`permanent`], [`retry_after`].

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Marks an error as one that a further attempt will not mend.
///
/// A step that returns it fails at once, whatever its `retry` says. The mark holds under
/// [`anyhow::Context::context`] and under errors that name it as their source.
///
/// ```
/// # fn parse(body: &str) -> anyhow::Result<u32> {
/// body.parse().map_err(|error| orchestrator::permanent(anyhow::anyhow!("not a number: {error}")))
/// # }
/// # assert_eq!(parse("x").unwrap_err().to_string(), "not a number: invalid digit found in string");
/// ```
pub fn permanent(error: impl Into<anyhow::Error>) -> anyhow::Error {
    anyhow::Error::new(Permanent(error.into()))
}

/// Asks for a pause of this length before the next attempt, in place of the step's own backoff.
///
/// For a server that says when to come back (`Retry-After`). It is no attempt of its own: a step
/// without `retry`, or without an attempt left, fails with the error. The pause is neither jittered
/// nor capped.
///
/// ```
/// use std::time::Duration;
///
/// # fn fetch() -> anyhow::Result<()> {
/// let busy = anyhow::anyhow!("503 Service Unavailable");
/// return Err(orchestrator::retry_after(busy, Duration::from_secs(30)));
/// # }
/// # assert_eq!(fetch().unwrap_err().to_string(), "503 Service Unavailable");
/// ```
pub fn retry_after(error: impl Into<anyhow::Error>, pause: Duration) -> anyhow::Error {
    anyhow::Error::new(RetryAfter {
        error: error.into(),
        pause,
    })
}

/// The mark of [`permanent`]: it says what the error under it says, which is its source, so that
/// that one is found by its type.
#[derive(Debug)]
struct Permanent(anyhow::Error);

/// The mark of [`retry_after`], of the same kind.
#[derive(Debug)]
struct RetryAfter {
    error: anyhow::Error,
    pause: Duration,
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl Error for RetryAfter {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error.as_ref())
    }
}

/// Whether this link of a chain of errors is a mark.
pub(super) fn is_mark(error: &(dyn Error + 'static)) -> bool {
    error.is::<Permanent>() || error.is::<RetryAfter>()
}

/// Whether the error, or one that it came of, is marked by [`permanent`].
pub(super) fn is_permanent(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn Error>::is::<Permanent>)
}

/// The pause that the error, or one that it came of, asks for by [`retry_after`].
pub(super) fn asked_pause(error: &anyhow::Error) -> Option<Duration> {
    let mut marks = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<RetryAfter>());
    marks.next().map(|mark| mark.pause)
}

/// Takes the marks off the top of an error, so that its own type is seen again. Marks below a
/// context stay: they show nothing of themselves.
pub(super) fn without_marks(mut error: anyhow::Error) -> anyhow::Error {
    // Looking at the top alone matters: `downcast` alone also looks below contexts, and drops them.
    loop {
        let top: &(dyn Error + 'static) = error.as_ref();
        let (permanent, retry_after) = (top.is::<Permanent>(), top.is::<RetryAfter>());
        error = match (permanent, retry_after) {
            (true, _) => match error.downcast::<Permanent>() {
                Ok(mark) => mark.0,
                Err(error) => return error,
            },
            (_, true) => match error.downcast::<RetryAfter>() {
                Ok(mark) => mark.error,
                Err(error) => return error,
            },
            _ => return error,
        };
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::{StepFailure, TaskError};

    fn io_error() -> std::io::Error {
        std::io::Error::other("disk on fire")
    }

    #[test]
    fn a_mark_holds_under_context() {
        let marked = Err::<(), _>(permanent(io_error())).context("while saving");
        assert!(StepFailure::failed(marked.unwrap_err()).is_permanent());

        let pause = Duration::from_secs(9);
        let marked = Err::<(), _>(retry_after(io_error(), pause)).context("while saving");
        let failure = StepFailure::failed(marked.unwrap_err());
        assert_eq!(failure.retry_after(), Some(pause));
        assert!(!failure.is_permanent());
    }

    #[test]
    fn a_mark_holds_under_an_error_that_names_it_as_its_source() {
        #[derive(Debug)]
        struct Outer(anyhow::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outer")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self.0.as_ref())
            }
        }
        assert!(StepFailure::failed(Outer(permanent(io_error()))).is_permanent());
    }

    #[test]
    fn a_marked_error_keeps_its_type() {
        let marked = permanent(retry_after(io_error(), Duration::ZERO));
        let error = TaskError::new("save", 1, StepFailure::failed(marked));
        assert!(
            error
                .source()
                .is_some_and(<dyn Error>::is::<std::io::Error>)
        );
    }

    #[test]
    fn a_mark_changes_no_message() {
        let plain = anyhow::Error::new(io_error()).context("saving");
        let marked = permanent(anyhow::Error::new(io_error()).context("saving"));
        assert_eq!(plain.to_string(), marked.to_string());
        let line = |error| TaskError::new("save", 1, StepFailure::failed(error)).to_string();
        let under_context = permanent(io_error()).context("saving");
        assert_eq!(line(marked), line(plain));
        assert_eq!(
            line(under_context),
            "save: saving: disk on fire (1 attempt)"
        );
    }
}

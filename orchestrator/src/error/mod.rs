//! Why a task failed: [`TaskError`]; why a run did: [`RunError`].

mod failure;
mod marks;
mod one_line;
mod run;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use self::failure::Failure;
pub use self::failure::StepFailure;
pub use self::marks::{permanent, retry_after};
use self::one_line::OneLine;
pub use self::run::RunError;

/// Why a task failed: the step, the number of attempts, the kind, and the step's own error.
///
/// It displays as one line, whatever its source holds:
/// `fetch_data: timed out after 10s (3 attempts)`. [`Error::source`] gives the step's own error,
/// for a look at its type. The line already contains the messages of the sources.
pub struct TaskError(Box<Inner>);

struct Inner {
    step: Cow<'static, str>,
    attempts: u32,
    failure: Failure,
}

/// What kind of end a failed task came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// The step returned an error, and no attempt was left or the error is [`permanent`]. Without an attempt: no
    /// worker on a cluster could take the task.
    Failed,
    /// The step's last attempt took longer than its `timeout`.
    TimedOut,
    /// The step panicked. A panic is not retried.
    Panicked,
    /// The run was shut down before the task was through, or it was cancelled on a cluster.
    Cancelled,
    /// The task's id was given before with another input, where ids are to be unique (see
    /// `Journal::unique_ids`); or another task was in its place of a run on a cluster.
    Refused,
}

impl TaskError {
    pub(crate) fn new(
        step: impl Into<Cow<'static, str>>,
        attempts: u32,
        failure: StepFailure,
    ) -> Self {
        let failure = *failure.0;
        #[cfg(feature = "restate")]
        if let Some((step, attempts)) = failure.elsewhere.clone() {
            return Self(Box::new(Inner {
                step,
                attempts,
                failure,
            }));
        }
        Self(Box::new(Inner {
            step: step.into(),
            attempts,
            failure,
        }))
    }

    /// The name of the step that failed, or that the task had come to when it was cancelled.
    pub fn step(&self) -> &str {
        &self.0.step
    }

    /// How many times the step was begun. 0 if the task came to its end before it.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What kind of end this is.
    pub fn kind(&self) -> TaskErrorKind {
        self.0.failure.kind
    }

    /// The same error for another task: its source in words.
    #[cfg(feature = "journal")]
    pub(crate) fn copy(&self) -> Self {
        let failure = StepFailure::new(self.kind(), anyhow::Error::msg(self.cause()));
        Self::new(self.0.step.clone(), self.attempts(), failure)
    }

    /// The step's own error and its causes, as one line.
    #[cfg(feature = "journal")]
    pub(crate) fn cause(&self) -> String {
        OneLine(&self.0.failure.source).to_string()
    }

    /// The step's own error, with its type and its causes.
    pub fn into_source(self) -> anyhow::Error {
        self.0.failure.source
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            step,
            attempts,
            failure,
        } = &*self.0;
        let cause = OneLine(&failure.source);
        match attempts {
            0 => write!(f, "{step}: {cause}"),
            1 => write!(f, "{step}: {cause} (1 attempt)"),
            _ => write!(f, "{step}: {cause} ({attempts} attempts)"),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("step", &self.0.step)
            .field("attempts", &self.0.attempts)
            .field("kind", &self.0.failure.kind)
            .field("source", &self.0.failure.source)
            .finish()
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.failure.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_displays_as_one_line_with_its_causes() {
        let cause = anyhow::anyhow!("\n two\r\n\tlines\u{7}\n").context("outer:\n");
        let error = TaskError::new("save", 3, StepFailure::failed(cause));
        assert_eq!(error.to_string(), "save: outer: : two lines (3 attempts)");
    }

    #[test]
    fn one_attempt_is_singular() {
        let limit = Duration::from_secs(10);
        let error = TaskError::new("fetch", 1, StepFailure::timed_out(limit));
        assert_eq!(error.to_string(), "fetch: timed out after 10s (1 attempt)");
    }
}

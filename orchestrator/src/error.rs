//! Why a task failed, and marks that a step puts on its errors: [`permanent`], [`retry_after`].

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

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
    /// The step returned an error, and no attempt was left or the error is [`permanent`].
    Failed,
    /// The step's last attempt took longer than its `timeout`.
    TimedOut,
    /// The step panicked. A panic is not retried.
    Panicked,
    /// The run was shut down before the task was through.
    Cancelled,
    /// The task's id was given before with another input, where ids are to be unique; see
    /// `Journal::unique_ids`.
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

    /// How many times the step was begun. 0 if the task was cancelled before it.
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
        match (failure.kind, attempts) {
            (TaskErrorKind::Cancelled | TaskErrorKind::Refused, 0) => write!(f, "{step}: {cause}"),
            (_, 1) => write!(f, "{step}: {cause} (1 attempt)"),
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

/// An error and its causes, joined by colons, with no line break and no control character.
struct OneLine<'a>(&'a anyhow::Error);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        /// Folds every run of white space and control characters into one space.
        struct Fold<'f, 'a> {
            to: &'f mut fmt::Formatter<'a>,
            begun: bool,
            gap: bool,
        }
        impl fmt::Write for Fold<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for c in text.chars() {
                    if c.is_whitespace() || c.is_control() {
                        self.gap = true;
                        continue;
                    }
                    if self.gap && self.begun {
                        self.to.write_char(' ')?;
                    }
                    (self.begun, self.gap) = (true, false);
                    self.to.write_char(c)?;
                }
                Ok(())
            }
        }
        let mut fold = Fold {
            to: f,
            begun: false,
            gap: false,
        };
        // A mark says again what the error under it says.
        let mut causes = self
            .0
            .chain()
            .filter(|cause| !cause.is::<Permanent>() && !cause.is::<RetryAfter>());
        if let Some(first) = causes.next() {
            write!(fold, "{first}")?;
        }
        causes.try_for_each(|cause| write!(fold, ": {cause}"))
    }
}

/// Why one attempt of a step failed.
///
/// The code that `#[blueprint]` writes makes these; the engine adds the step's name and the number
/// of attempts and hands the user a [`TaskError`].
///
/// It is one word: every step's outcome has room for one, and few need it.
#[derive(Debug)]
pub struct StepFailure(Box<Failure>);

#[derive(Debug)]
struct Failure {
    kind: TaskErrorKind,
    source: anyhow::Error,
    permanent: bool,
    retry_after: Option<Duration>,
    /// The step and its attempts, where the step was run by another process.
    #[cfg(feature = "restate")]
    elsewhere: Option<(Cow<'static, str>, u32)>,
    #[cfg(feature = "restate")]
    is_of_the_run: bool,
}

impl Failure {
    fn new(kind: TaskErrorKind, source: anyhow::Error) -> Self {
        Self {
            kind,
            source,
            permanent: false,
            retry_after: None,
            #[cfg(feature = "restate")]
            elsewhere: None,
            #[cfg(feature = "restate")]
            is_of_the_run: false,
        }
    }
}

impl StepFailure {
    /// The step returned this error.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let permanent = error.chain().any(<dyn Error>::is::<Permanent>);
        let retry_after = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<RetryAfter>())
            .map(|mark| mark.pause);
        let failure = Failure::new(TaskErrorKind::Failed, without_marks(error));
        Self(Box::new(Failure {
            permanent,
            retry_after,
            ..failure
        }))
    }

    /// The attempt took longer than `limit`.
    pub fn timed_out(limit: Duration) -> Self {
        Self::new(
            TaskErrorKind::TimedOut,
            anyhow::anyhow!("timed out after {limit:?}"),
        )
    }

    pub(crate) fn panicked(message: &str) -> Self {
        Self::new(
            TaskErrorKind::Panicked,
            anyhow::anyhow!("panicked: {message}"),
        )
    }

    /// The run can't go on, for this reason.
    pub(crate) fn stopped(reason: &anyhow::Error) -> Self {
        Self::new(
            TaskErrorKind::Cancelled,
            anyhow::anyhow!("stopped: {reason:#}"),
        )
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(TaskErrorKind::Cancelled, anyhow::anyhow!("cancelled"))
    }

    pub(crate) fn new(kind: TaskErrorKind, source: anyhow::Error) -> Self {
        Self(Box::new(Failure::new(kind, source)))
    }

    /// What kind of failure this is.
    #[cfg(feature = "restate")]
    pub(crate) fn kind(&self) -> TaskErrorKind {
        self.0.kind
    }

    /// The step's own error and its causes, as one line.
    #[cfg(feature = "restate")]
    pub(crate) fn cause(&self) -> String {
        OneLine(&self.0.source).to_string()
    }

    /// The task failed elsewhere, and this is its error.
    #[cfg(feature = "restate")]
    pub(crate) fn elsewhere(error: TaskError) -> Self {
        let Inner {
            step,
            attempts,
            mut failure,
        } = *error.0;
        failure.elsewhere = Some((step, attempts));
        Self(Box::new(failure))
    }

    /// No task of the run can be gone on with, for this reason.
    #[cfg(feature = "restate")]
    pub(crate) fn of_the_run(reason: anyhow::Error) -> Self {
        let mut failure = Self::new(TaskErrorKind::Cancelled, reason);
        failure.0.is_of_the_run = true;
        failure
    }

    /// Whether no task of the run can be gone on with.
    #[cfg(feature = "restate")]
    pub(crate) fn is_of_the_run(&self) -> bool {
        self.0.is_of_the_run
    }

    /// Whether a further attempt is of no use: the error was marked by [`permanent`].
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The pause that the error asks for, if it was marked by [`retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// Takes the marks off the top of an error, so that its own type is seen again. Marks below a
/// context stay: they show nothing of themselves.
fn without_marks(mut error: anyhow::Error) -> anyhow::Error {
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

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

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

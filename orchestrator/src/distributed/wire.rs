//! A task and what becomes of it, as JSON that a distributed engine stores and sends.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{StepFailure, TaskError, TaskErrorKind};

/// The most bytes of a value as JSON: what engines take in a message (Restate 32 MiB), with room for what is sent
/// along.
const LARGEST: usize = 31 << 20;

/// A value as it is sent.
pub(crate) fn raw(json: String) -> anyhow::Result<Box<RawValue>> {
    let length = json.len();
    anyhow::ensure!(
        length <= LARGEST,
        "a value of {length} bytes is larger than can be sent to the server"
    );
    Ok(RawValue::from_string(json)?)
}

/// A task as it is submitted. Who has no run to name leaves out all but the input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// The run's name, which idempotency keys begin with.
    #[serde(default)]
    pub(crate) run: String,
    /// The task's place in the run.
    #[serde(default)]
    pub(crate) ordinal: u64,
    /// The user's label.
    #[serde(default)]
    pub(crate) id: u64,
    pub(crate) input: Box<RawValue>,
}

/// What an attempt at a step came to: what is recorded, and read when the task is gone on with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The fingerprint of the pipeline that the step was one of.
    pub(crate) pipeline: String,
    pub(crate) came_to: CameTo,
}

/// Where an attempt brought the task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CameTo {
    /// It stands before a step.
    Next(State),
    /// It is in a delay, and stands before a step then.
    Wait {
        /// How long.
        ms: u64,
        next: State,
    },
    /// Where it was: the step was not begun, since its task was called away while it waited for its place.
    Waits,
    /// It is through, with this output.
    Done(Box<RawValue>),
    /// The attempt failed, and another is to follow.
    Again {
        /// After how long.
        ms: u64,
        /// Why it failed, for people.
        because: String,
    },
    /// To its end: it was cancelled.
    Cancelled {
        /// Whether the attempt that it was at may have begun.
        begun: bool,
    },
    /// Nowhere: its input can't be read.
    Unread { message: String },
    /// The step failed for good.
    Failed { kind: Kind, message: String },
}

/// Where a task stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) step: String,
    pub(crate) value: Box<RawValue>,
}

/// The result of a task that is through.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Completed {
    /// The [`fingerprint`] of the task.
    pub(crate) task: String,
    pub(crate) output: Box<RawValue>,
}

/// The result of a task that failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    /// The [`fingerprint`] of the task.
    pub(crate) task: String,
    pub(crate) step: String,
    pub(crate) attempts: u32,
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// A [`TaskErrorKind`] as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Failed,
    TimedOut,
    Panicked,
    Cancelled,
}

impl From<TaskErrorKind> for Kind {
    fn from(kind: TaskErrorKind) -> Self {
        match kind {
            // No step fails in this way.
            TaskErrorKind::Refused | TaskErrorKind::Failed => Self::Failed,
            TaskErrorKind::TimedOut => Self::TimedOut,
            TaskErrorKind::Panicked => Self::Panicked,
            TaskErrorKind::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Kind> for TaskErrorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed => Self::Failed,
            Kind::TimedOut => Self::TimedOut,
            Kind::Panicked => Self::Panicked,
            Kind::Cancelled => Self::Cancelled,
        }
    }
}

impl Failed {
    /// The error that the task's result has.
    pub(crate) fn into_error(self) -> TaskError {
        let source = anyhow::Error::msg(self.message);
        let failure = StepFailure::new(self.kind.into(), source);
        TaskError::new(self.step, self.attempts, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_value_that_is_too_large_is_told() {
        let text = |length| format!("\"{}\"", "x".repeat(length));
        assert!(super::raw(text(LARGEST - 2)).is_ok());
        let error = super::raw(text(LARGEST - 1)).unwrap_err().to_string();
        assert!(error.contains("32505857 bytes"), "{error}");
    }

    #[test]
    fn an_input_alone_is_a_submission() {
        let task: Submission = serde_json::from_str(r#"{"input": [1, 2]}"#).unwrap();
        assert_eq!((task.ordinal, task.input.get()), (0, "[1, 2]"));
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let next = State {
            step: "fetch".to_owned(),
            value: raw("1e400"),
        };
        let all = [
            CameTo::Next(next.clone()),
            CameTo::Wait { ms: 5_000, next },
            CameTo::Waits,
            CameTo::Cancelled { begun: true },
            CameTo::Unread {
                message: "what?".to_owned(),
            },
            CameTo::Done(raw("{\"a\":  1}")),
            CameTo::Again {
                ms: 0,
                because: "busy".to_owned(),
            },
            CameTo::Failed {
                kind: Kind::TimedOut,
                message: "\"late\"".to_owned(),
            },
        ];
        for came_to in all {
            let record = Record {
                pipeline: "p".to_owned(),
                came_to,
            };
            let json = serde_json::to_string(&record).unwrap();
            let read: Record = serde_json::from_str(&json).unwrap();
            assert_eq!(format!("{read:?}"), format!("{record:?}"), "{json}");
        }
    }
}

//! How far a task has come, and how it ended: [`Progress`], [`End`].

use serde_json::value::RawValue;

use super::wire::{Completed, Failed, Kind, State};

/// How far a task has come.
pub(super) struct Progress {
    /// What it is told by from others.
    pub(super) identity: String,
    pub(super) stands: State,
    /// The one that is next, at the step that it stands at.
    pub(super) attempt: u32,
    /// Whether no attempt at any step is recorded of it.
    pub(super) is_new: bool,
}

/// How a task ended.
#[derive(Debug)]
pub(crate) enum End {
    Completed(Completed),
    Failed(Failed),
}

impl Progress {
    /// What the next attempt is recorded under.
    pub(super) fn name(&self) -> String {
        match self.attempt {
            1 => self.stands.step.clone(),
            attempt => format!("{} (attempt {attempt})", self.stands.step),
        }
    }

    pub(super) fn completed(self, output: Box<RawValue>) -> End {
        End::Completed(Completed {
            task: self.identity,
            output,
        })
    }

    pub(super) fn failed(self, attempts: u32, kind: Kind, message: String) -> End {
        End::Failed(Failed {
            task: self.identity,
            step: self.stands.step,
            attempts,
            kind,
            message,
        })
    }

    pub(super) fn cancelled(self, attempts: u32) -> End {
        self.failed(attempts, Kind::Cancelled, "cancelled".to_owned())
    }
}

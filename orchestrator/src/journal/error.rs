//! Why a journal can't be used: [`JournalError`].

use std::fmt;
use std::path::Path;

use super::store::Error;

/// Why a journal was refused, or broke.
///
/// It displays as what happened, to which file, and what to do. A journal that was refused is as it was,
/// byte for byte.
#[derive(Clone)]
pub struct JournalError(Error);

impl JournalError {
    /// The journal.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Whether another process, or another run of this one, has the journal open.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Whether the journal cannot be used as it is: it is damaged, part of it is missing, or it has another format.
    /// [`Journal::delete`](crate::Journal::delete) makes room for a new one.
    pub fn is_damaged(&self) -> bool {
        self.0.is_damaged()
    }
}

impl From<Error> for JournalError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

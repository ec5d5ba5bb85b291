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

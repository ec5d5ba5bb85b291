//! Why a run cannot continue: [`RunError`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a run cannot continue.
///
/// This concerns the run and not one of its tasks: its journal could not be written or read, its input is not the one
/// that the journal was begun with, or a Restate server stayed out of reach. Earlier records
/// are kept, and the run can be resumed from them. A run in memory never fails.
///
/// It displays as the reason alone; [`Error::source`] returns what caused it.
#[derive(Clone)]
pub struct RunError(Arc<anyhow::Error>);

impl RunError {
    pub(crate) fn new(error: anyhow::Error) -> Self {
        Self(Arc::new(error))
    }

    /// Returns the reason as the type `E`, such as [`JournalError`](crate::JournalError), if it is one.
    pub fn downcast_ref<E: Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// The reason.
    pub(crate) fn reason(&self) -> &anyhow::Error {
        &self.0
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

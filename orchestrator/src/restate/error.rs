//! What keeps a worker or a client from its work: [`RestateError`].

use std::error::Error;
use std::fmt;

/// What keeps a worker from serving, or a client from beginning: a URL that is none, an address that is in
/// use, a server that refuses a registration.
///
/// It displays as what happened, and where; its [source](Error::source) says why, where that is somebody else's
/// error. As `Debug` it says both, as a program does that returns it from `main`.
pub struct RestateError(anyhow::Error);

impl From<anyhow::Error> for RestateError {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for RestateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RestateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Error for RestateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

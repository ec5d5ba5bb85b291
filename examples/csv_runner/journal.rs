//! The journal of a run: [`open`].

use std::path::Path;
use std::time::SystemTime;

use anyhow::Error;
use orchestrator::Journal;

/// A journal that was opened, and when the run in it was finished, if it was.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) finished: Option<SystemTime>,
}

/// Opens the journal at this path. One that is to begin anew may be damaged: it is not opened then.
pub(crate) fn open(path: &Path, anew: bool) -> anyhow::Result<Option<Opened>> {
    match Journal::open(path) {
        Ok(journal) => Ok(Some(Opened {
            finished: journal.finished(),
            journal,
        })),
        Err(error) if anew && error.is_damaged() => Ok(None),
        // The message contains its cause, which must not be printed a second time.
        Err(error) => Err(Error::msg(error)),
    }
}

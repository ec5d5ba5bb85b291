//! The journal of a run: [`open`], [`anew`].

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Error};
use orchestrator::Journal;

/// A journal that was opened, and when the run in it was finished, if it was.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) finished: Option<SystemTime>,
}

/// Opens the journal at this path.
pub(crate) fn open(path: &Path) -> anyhow::Result<Opened> {
    // The message has the cause in it: no further one is to be shown.
    let journal = Journal::open(path).map_err(Error::msg)?;
    let finished = journal.finished().map_err(Error::msg)?;
    Ok(Opened { journal, finished })
}

/// Deletes the journal at this path, and opens another one there.
pub(crate) fn anew(journal: Journal, path: &Path) -> anyhow::Result<Journal> {
    // It is a journal, and nobody writes it: its lock is held. That stays where it is, since
    // somebody else may wait for it.
    remove(path).with_context(|| format!("cannot delete the journal {}", path.display()))?;
    drop(journal);
    Journal::open(path).map_err(Error::msg)
}

/// Removes the journal's files.
fn remove(path: &Path) -> io::Result<()> {
    // The log stands beside the file that a symbolic link leads to.
    let path = fs::canonicalize(path)?;
    // In this order: a log without its database is nobody's, a database without its log a lesser one.
    for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

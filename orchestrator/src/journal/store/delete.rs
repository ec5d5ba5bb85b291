//! Deleting a journal, also one that cannot be read: [`delete`].

use std::path::Path;

use super::error::{At as _, Error};
use super::files;
use super::lock::WriterLock;
use super::look::is_there;

/// Deletes the journal at this path with its write-ahead log. Returns `false` if there is nothing to delete.
///
/// # Errors
///
/// If there is something else than a journal, or if it is in use; nothing was deleted then.
pub(crate) fn delete(path: &Path) -> Result<bool, Error> {
    let path = files::resolve(path).at(path, "looking")?;
    let is_there = match is_there(&path) {
        // There are remains of a journal.
        Err(error) if error.is_damaged() => true,
        other => other?,
    };
    if is_there {
        let _lock = WriterLock::take(&path)?;
        // The logs first: as soon as the main file is gone, another process may make a journal.
        files::remove_logs(&path).at(&path, "deleting it")?;
        files::remove(&path).at(&path, "deleting it")?;
    }
    Ok(is_there)
}

//! Whether the files of a journal that is in use are still there: [`Presence`].

use std::path::Path;

use super::error::{Error, Kind};
use super::lock::WriterLock;

/// The files that are being written. A file that is deleted or moved can still be written, but nobody would find
/// those writes again.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// The shortest that the main file may be.
    #[cfg(target_os = "linux")]
    length: u64,
    /// The file that the name of the write-ahead log leads to.
    #[cfg(target_os = "linux")]
    wal: Option<u64>,
}

impl Presence {
    /// Takes note of the files, after a checkpoint.
    #[cfg(target_os = "linux")]
    pub(super) fn note(&mut self, lock: &WriterLock, path: &Path) {
        self.length = lock.length().unwrap_or(0);
        self.wal = super::lock::inode(&super::files::wal(path));
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn note(&mut self, _: &WriterLock, _: &Path) {}

    /// Checks that the path leads to the files that are written.
    pub(super) fn check(&self, lock: &WriterLock, path: &Path) -> Result<(), Error> {
        if !lock.is_at(path) {
            return Err(Error::new(path, Kind::Gone("moved, deleted or replaced")));
        }
        #[cfg(target_os = "linux")]
        {
            if lock.length().is_ok_and(|length| length < self.length) {
                return Err(Error::new(path, Kind::Gone("cut off")));
            }
            if self.wal != super::lock::inode(&super::files::wal(path)) {
                let what = "separated from its write-ahead log (`-wal`)";
                return Err(Error::new(path, Kind::Gone(what)));
            }
        }
        Ok(())
    }
}

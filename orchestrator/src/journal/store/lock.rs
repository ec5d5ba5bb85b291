//! The right to write a journal: [`WriterLock`].

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::{At as _, Error, Kind};

/// How long a lock is asked for: a process that is being started elsewhere in this one holds it between fork and exec.
const FORK_PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(2);

/// Locks a file, or says that somebody else has done so.
fn lock(file: &File, path: &Path) -> Result<(), Error> {
    let until = Instant::now() + FORK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Error::new(path, Kind::Locked)),
            Err(TryLockError::Error(error)) => return Err(error).at(path, "locking it"),
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use of_the_file::{WriterLock, inode};

#[cfg(not(target_os = "linux"))]
pub(super) use of_a_file_beside::WriterLock;

/// On Linux the journal's file itself is locked, so that all of its names lead to the same lock. This is `flock`, which
/// `SQLite`'s own locks do not notice.
#[cfg(target_os = "linux")]
mod of_the_file {
    use std::collections::HashSet;
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use super::super::error::{At as _, Error, Kind};

    /// Which file a path leads to.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Identity {
        device: u64,
        inode: u64,
    }

    impl From<Metadata> for Identity {
        fn from(file: Metadata) -> Self {
            Self {
                device: file.dev(),
                inode: file.ino(),
            }
        }
    }

    /// The journals that this process writes.
    ///
    /// A process that closes any handle of a file loses all of `SQLite`'s locks on it, so one that it writes is never opened a
    /// second time.
    static WRITTEN: Mutex<Option<HashSet<Identity>>> = Mutex::new(None);

    /// The right to write the journal, of one store at a time.
    #[derive(Debug)]
    pub(in super::super) struct WriterLock {
        file: File,
        identity: Identity,
    }

    impl WriterLock {
        /// Locks the file at this path, or returns `None` if there is no file.
        pub(in super::super) fn take(path: &Path) -> Result<Option<Self>, Error> {
            loop {
                let identity = match fs::metadata(path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    file => Identity::from(file.at(path, "looking")?),
                };
                let locked = Self::take_file(path, identity)?;
                // It may have been replaced before it was locked.
                if locked.is_at(path) {
                    return Ok(Some(locked));
                }
            }
        }

        /// Makes an empty file that is to become the journal at `path`, in place of one that a killed process left behind.
        /// Returns its lock and `other`, the lock of an empty file at `path`.
        pub(in super::super) fn create(
            new: &Path,
            path: &Path,
            other: Option<Self>,
        ) -> Result<(Self, Option<Self>), Error> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            // Payloads are nobody else's business.
            options.mode(0o600);
            loop {
                // One that this process is making is not opened: see `WRITTEN`.
                if fs::metadata(new).is_ok_and(|file| is_written(&file.into())) {
                    return Err(Error::new(path, Kind::Locked));
                }
                let file = options.open(new).at(path, "creating it")?;
                super::lock(&file, path)?;
                let identity = Identity::from(file.metadata().at(path, "creating it")?);
                written(|all| all.insert(identity));
                let locked = Self { file, identity };
                if locked.is_at(new) {
                    locked.file.set_len(0).at(path, "creating it")?;
                    return Ok((locked, other));
                }
            }
        }

        fn take_file(path: &Path, identity: Identity) -> Result<Self, Error> {
            if !written(|all| all.insert(identity)) {
                return Err(Error::new(path, Kind::Locked));
            }
            let locked = File::open(path)
                .at(path, "opening it")
                .and_then(|file| super::lock(&file, path).map(|()| file));
            match locked {
                Ok(file) => Ok(Self { file, identity }),
                Err(error) => {
                    written(|all| all.remove(&identity));
                    Err(error)
                }
            }
        }

        /// Whether the path leads to the file that is locked.
        pub(in super::super) fn is_at(&self, path: &Path) -> bool {
            fs::metadata(path).is_ok_and(|file| Identity::from(file) == self.identity)
        }

        /// Whether the path leads to the file that is locked, and that is empty.
        pub(in super::super) fn is_empty_file_at(&self, path: &Path) -> bool {
            self.is_at(path) && self.length().is_ok_and(|length| length == 0)
        }

        /// The length of the file that is locked.
        pub(in super::super) fn length(&self) -> io::Result<u64> {
            Ok(self.file.metadata()?.len())
        }
    }

    impl Drop for WriterLock {
        fn drop(&mut self) {
            written(|all| all.remove(&self.identity));
        }
    }

    fn written<T>(change: impl FnOnce(&mut HashSet<Identity>) -> T) -> T {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        change(written.get_or_insert_default())
    }

    fn is_written(identity: &Identity) -> bool {
        written(|all| all.contains(identity))
    }

    /// Which file a path leads to, if to any.
    pub(in super::super) fn inode(path: &Path) -> Option<u64> {
        fs::metadata(path).ok().map(|file| file.ino())
    }
}

/// Elsewhere a file beside the journal is locked, since a lock on the journal itself would be in the way of `SQLite`'s own. So
/// a second name of the same file is not noticed, nor that the lock file is deleted.
#[cfg(not(target_os = "linux"))]
mod of_a_file_beside {
    use std::fs::{File, OpenOptions};
    use std::path::Path;

    use super::super::error::{At as _, Error};
    use super::super::files::{beside, create_empty};

    /// The right to write the journal, of one store at a time. Its file stays: a process may wait to lock the file that
    /// another one would remove.
    #[derive(Debug)]
    pub(in super::super) struct WriterLock(#[allow(dead_code)] File);

    impl WriterLock {
        /// Locks the journal at this path, or returns `None` if there is no file.
        pub(in super::super) fn take(path: &Path) -> Result<Option<Self>, Error> {
            if !path.exists() {
                return Ok(None);
            }
            Self::lock(path).map(Some)
        }

        /// Makes an empty file that is to become the journal at `path`. Returns its lock, which is `other` if that is held.
        pub(in super::super) fn create(
            new: &Path,
            path: &Path,
            other: Option<Self>,
        ) -> Result<(Self, Option<Self>), Error> {
            let lock = match other {
                Some(lock) => lock,
                None => Self::lock(path)?,
            };
            create_empty(new).at(path, "creating it")?;
            if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
                std::fs::remove_file(path).at(path, "creating it")?;
            }
            Ok((lock, None))
        }

        fn lock(path: &Path) -> Result<Self, Error> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options
                .open(beside(path, ".lock"))
                .at(path, "opening the lock file")?;
            super::lock(&file, path)?;
            Ok(Self(file))
        }

        /// Whether there is a file at the path.
        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub(in super::super) fn is_at(&self, path: &Path) -> bool {
            path.exists()
        }

        /// An empty file is deleted when the new one is made.
        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub(in super::super) fn is_empty_file_at(&self, _: &Path) -> bool {
            false
        }
    }
}

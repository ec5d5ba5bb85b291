//! The journal's files beside each other: the database, its lock, its write-ahead log.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// The path that all paths to the same file lead to, so that they share one lock.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    // Where canonical paths are of a kind that URIs have no form for.
    if cfg!(windows) {
        return std::path::absolute(path);
    }
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(name) = path.file_name() else {
                return Err(error);
            };
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            Ok(fs::canonicalize(parent)?.join(name))
        }
        other => other,
    }
}

/// The file of the same name with something added.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// `SQLite`'s write-ahead log.
pub(super) fn wal(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Whether a write-ahead log holds something that the database may lack: more than its header of 32 bytes.
pub(super) fn has_wal(path: &Path) -> bool {
    fs::metadata(wal(path)).is_ok_and(|file| file.len() > 32)
}

/// Makes an empty file that nobody else may read, in place of one that may be there.
#[cfg(not(target_os = "linux"))]
pub(super) fn create_empty(path: &Path) -> io::Result<()> {
    remove(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes `SQLite`'s logs: left behind by a file that was deleted without them, they would be taken
/// for those of the one that comes in its place.
pub(super) fn remove_logs(path: &Path) -> io::Result<()> {
    let logs = ["-wal", "-shm", "-journal"];
    logs.iter().try_for_each(|log| remove(&beside(path, log)))
}

/// Puts a finished file in the place of the journal, for good. It replaces an empty file if `replaces` says so, and no other.
pub(super) fn put_in_place(new: &Path, path: &Path, replaces: bool) -> io::Result<()> {
    OpenOptions::new().write(true).open(new)?.sync_all()?;
    // SQLite would take this for the new file's, and undo changes that it never had. A journal that another process has
    // made meanwhile has none.
    remove(&beside(path, "-journal"))?;
    if replaces {
        fs::rename(new, path)?;
    } else {
        rename_to_nothing(new, path)?;
    }
    remove_logs(path)?;
    // So that the name, too, survives a power failure. Directories open only on Unix.
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Renames a file to a name that no file has: two processes may make the journal at once.
fn rename_to_nothing(new: &Path, path: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
            // The file system does not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            other => return Ok(other?),
        }
    }
    fs::hard_link(new, path)?;
    fs::remove_file(new)
}

/// Opens the database file without its write-ahead log. No lock is taken, no other file is opened and no byte is changed.
///
/// After a crash the file may be behind its log, and may have been cut off while it was growing: only what is written
/// when the journal is made is sure to be right.
pub(super) fn open_main_alone(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("{}?immutable=1", uri(path)), flags)?;
    // SQLite takes a file that is shorter than its header says for damaged, except with this setting. A checkpoint
    // that was interrupted leaves such a file, and its write-ahead log has the rest.
    connection.pragma_update(None, "writable_schema", true)?;
    Ok(connection)
}

/// Opens the database and its write-ahead log for reading. Neither is changed; `SQLite` may make or write the shared
/// memory file (`-shm`), which holds nothing that lasts.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Without a log nobody has the journal open, and there is nothing in it that the database lacks. Opened in the usual
    // way, SQLite would make a log and leave it there.
    let connection = if has_wal(path) {
        Connection::open_with_flags(path, flags)?
    } else {
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(format!("{}?immutable=1", uri(path)), flags)?
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A path as `SQLite`'s URI, in ASCII.
fn uri(path: &Path) -> String {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    #[cfg(not(unix))]
    let bytes = format!("/{}", path.to_string_lossy().replace('\\', "/")).into_bytes();
    let mut uri = "file:".to_owned();
    for byte in bytes {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(byte.into());
            }
            _ => uri.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    uri
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}

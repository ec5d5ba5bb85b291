//! A results file under a temporary name: [`Partial`].

use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::output::InUse;
use super::printable;
use super::standard_output::is_same;

/// A file that gets its name when it is complete, so that nobody reads half of it.
///
/// Until then it is called `FILE.partial`. It is always a new file: a link, a pipe or anything else
/// that has this name is neither followed nor written to. If that is the leftover of an earlier run,
/// it is replaced; otherwise it stays, and the file gets a random name, `FILE.XXXXXX.partial`.
///
/// A leftover is identified by all of this:
///
/// - it is a regular file of this user with no other name: nobody else has put it there, and
///   deleting it deletes no other file;
/// - it begins with the header of the results, or is empty: it is not a file of the user's that
///   happens to have this name;
/// - no process has it locked. A locked one belongs to a run that is under way, and two runs into
///   one file are refused.
#[derive(Debug)]
pub(crate) struct Partial {
    /// Locked for as long as it is open, unless its name is random.
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    /// Creates the file that becomes `target`, with the permissions of the `existing` one.
    pub(crate) fn create(
        target: PathBuf,
        existing: Option<&Metadata>,
        header: &[u8],
        in_use: &[InUse],
    ) -> anyhow::Result<Self> {
        let path = with_suffix(&target, ".partial");
        let (file, path) = match create_plain(&path, header, in_use)? {
            Some(file) => (file, path),
            None => create_random(&target)?,
        };
        if let Some(existing) = existing {
            file.set_permissions(existing.permissions())
                .with_context(|| {
                    format!("cannot set the permissions of {}", printable::path(&path))
                })?;
        }
        Ok(Self { file, path, target })
    }

    /// Returns the file, for writing.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Returns the path of a file that stays a partial one.
    pub(crate) fn into_path(self) -> PathBuf {
        self.path
    }

    /// Gives the file its name, once its content is on disk.
    pub(crate) fn complete(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        #[cfg(unix)]
        File::open(folder(&self.target))?.sync_all()?;
        Ok(())
    }
}

/// Creates the file at `path`. Returns `None` if something else is there that has to stay.
fn create_plain(path: &Path, header: &[u8], in_use: &[InUse]) -> anyhow::Result<Option<File>> {
    let shown = printable::path(path);
    let cannot_create = || format!("cannot create {shown}");
    let in_use_by_other =
        || format!("{shown} is being written by another run: send the results to another file");
    if let Some(leftover) = leftover(path, header, in_use) {
        // Another run may have replaced it meanwhile.
        if !lock(&leftover) || !is_at(&leftover, path) {
            bail!(in_use_by_other());
        }
        fs::remove_file(path).with_context(|| format!("cannot delete the old {shown}"))?;
    }
    match create_new(path) {
        // Another run may have taken the new file for a leftover before it was locked.
        Ok(file) if !lock(&file) || !is_at(&file, path) => bail!(in_use_by_other()),
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error).with_context(cannot_create),
    }
}

/// Creates a file with a random name beside `target`.
fn create_random(target: &Path) -> anyhow::Result<(File, PathBuf)> {
    let name = target.file_name().unwrap_or_default();
    let created = tempfile::Builder::new()
        .prefix(&with_suffix(Path::new(name), "."))
        .suffix(".partial")
        .make_in(folder(target), create_new);
    let kept = created.and_then(|created| created.keep().map_err(|error| error.error));
    let (file, path) = kept.with_context(|| {
        format!(
            "cannot create a temporary file beside {}",
            printable::path(target)
        )
    })?;
    Ok((file, path))
}

/// Creates a file where there is nothing, not even a link, with the mode of any new file.
fn create_new(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Returns the leftover of an earlier run, if that is what is at `path`.
fn leftover(path: &Path, header: &[u8], in_use: &[InUse]) -> Option<File> {
    // Before it is opened, too: opening a device or a pipe can have an effect, or block.
    if !is_own_file(&fs::symlink_metadata(path).ok()?) {
        return None;
    }
    let mut file = open_as_is(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !is_own_file(&metadata) || in_use.iter().any(|other| is_same(&metadata, &other.file)) {
        return None;
    }
    let mut begin = Vec::with_capacity(header.len());
    let limit = u64::try_from(header.len()).ok()?;
    io::Read::by_ref(&mut file)
        .take(limit)
        .read_to_end(&mut begin)
        .ok()?;
    header.starts_with(&begin).then_some(file)
}

/// Opens what is at `path`, without following a link or waiting for the other end of a pipe.
#[cfg(unix)]
fn open_as_is(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open_as_is(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Returns whether it is a regular file of this user that has one name.
#[cfg(unix)]
fn is_own_file(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid().as_raw();
    file.is_file() && file.nlink() == 1 && file.uid() == user
}

/// Returns whether it is a regular file. This system's metadata has no owner.
#[cfg(not(unix))]
fn is_own_file(file: &Metadata) -> bool {
    file.is_file()
}

/// Locks the file until it is closed. Returns `false` if another process has it locked.
fn lock(file: &File) -> bool {
    // Any other error means that the file system has no locks.
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Returns whether the file is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(there)) => is_same(&file, &there),
        _ => false,
    }
}

/// Returns `true`: an open file is not replaced on this system.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Returns the folder that the file is in.
fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

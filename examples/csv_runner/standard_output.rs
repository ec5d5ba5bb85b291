//! Standard output as a file whose every failure shows: [`open`].

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// Names under which a path leads to standard output.
const NAMES: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Returns whether `path` is a name of standard output.
pub(crate) fn is_named_by(path: &Path) -> bool {
    NAMES.iter().any(|name| path == Path::new(name))
}

/// Opens standard output for writing.
///
/// The file is a duplicate of the descriptor: [`io::Stdout`] reports success for writes to a
/// descriptor that cannot be written.
///
/// # Errors
///
/// Fails if standard output [is closed](is_closed).
pub(crate) fn open() -> anyhow::Result<File> {
    ensure!(!is_closed(), "standard output is closed");
    duplicate().context("cannot use standard output")
}

/// Refuses to send results to a standard output that [is closed](is_closed).
///
/// # Errors
///
/// Fails with words on where else results can go.
pub(crate) fn check_for_results() -> anyhow::Result<()> {
    ensure!(
        !is_closed(),
        "standard output is closed (or it is {NULL_DEVICE}, open for reading and writing), so the \
         results would be lost: name a file by -o FILE, or discard them by -o {NULL_DEVICE}"
    );
    Ok(())
}

const NULL_DEVICE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// Returns whether standard output was closed when the program started.
///
/// Before `main`, Rust's runtime opens the null device for reading and writing in place of each
/// closed standard descriptor, so that writes succeed and everything is lost. A shell's
/// `> /dev/null`, systemd's `StandardOutput=null` and Rust's `Stdio::null()` open it for writing
/// alone, which makes the difference visible.
///
/// A null device that the caller has opened for reading and writing counts as closed too: Python's
/// `subprocess.DEVNULL`, Node's `stdio: "ignore"` and `daemon(3)` hand on such a one. A refusal that
/// names the way out is better than results that are lost with exit code 0.
#[cfg(unix)]
fn is_closed() -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use rustix::fs::{OFlags, fcntl_getfl};

    let (Ok(output), Ok(null)) = (duplicate(), std::fs::metadata(NULL_DEVICE)) else {
        return false;
    };
    let is_null = output
        .metadata()
        .is_ok_and(|output| output.file_type().is_char_device() && output.rdev() == null.rdev());
    is_null && fcntl_getfl(&output).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDWR)
}

/// Returns `false`: this system does not tell.
#[cfg(not(unix))]
fn is_closed() -> bool {
    false
}

/// Returns whether standard output is this regular file.
pub(crate) fn is(file: &Metadata) -> bool {
    duplicate()
        .and_then(|output| output.metadata())
        .is_ok_and(|output| is_same(&output, file))
}

/// Returns whether these are one regular file, under whatever names.
#[cfg(unix)]
pub(crate) fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Returns `false`: metadata does not identify a file on this system.
#[cfg(not(unix))]
pub(crate) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// Returns standard output as a file.
#[cfg(unix)]
pub(crate) fn duplicate() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Returns standard output as a file.
#[cfg(windows)]
pub(crate) fn duplicate() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_has_several_names() {
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(is_named_by(Path::new(name)), "{name}");
        }
        assert!(!is_named_by(Path::new("./-")));
    }
}

//! The tasks file, as something that can be read twice: [`Input`].

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use xxhash_rust::xxh3::Xxh3;

use super::printable;

/// The tasks file, open.
///
/// It stays the same file whatever is later put under its name. What is no regular file, such as a
/// pipe, can be read only once, so its content was put into an unlinked temporary file.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
    name: String,
    /// Where it begins: standard input may have been read from before.
    start: u64,
}

/// What the file looked like. Two equal ones mean that it did not change in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Input {
    /// Opens the file at `path`; `-` and none mean standard input.
    pub(crate) fn open(path: Option<&Path>, progress: impl FnMut(u64)) -> anyhow::Result<Self> {
        match path {
            Some(path) if path != Path::new("-") => {
                let name = printable::path(path);
                let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
                Self::of(file, name, progress)
            }
            None if io::stdin().is_terminal() => {
                bail!("no tasks: name a CSV file, or send one to standard input")
            }
            _ => Self::of(standard_input()?, "standard input".into(), progress),
        }
    }

    fn of(mut file: File, name: String, progress: impl FnMut(u64)) -> anyhow::Result<Self> {
        let metadata = file
            .metadata()
            .with_context(|| format!("cannot read {name}"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory, not a CSV file");
        }
        let start = if metadata.is_file() {
            file.stream_position()
                .with_context(|| format!("cannot read {name}"))?
        } else {
            file = spool(file, progress)
                .with_context(|| format!("cannot copy {name} to a temporary file"))?;
            0
        };
        Ok(Self { file, name, start })
    }

    /// The file's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What file this is.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// How many bytes there are to read.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.start))
    }

    /// The file from its beginning. One reader at a time: they share one position.
    pub(crate) fn reader(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(file)
    }

    /// What the file looks like now.
    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        let metadata = self.file.metadata()?;
        Ok(Stamp {
            length: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// Returns standard input as a file, so that a regular one can be read twice.
#[cfg(unix)]
pub(crate) fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Returns standard input as a file, so that a regular one can be read twice.
#[cfg(windows)]
pub(crate) fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// Copies what can be read only once.
fn spool(mut from: File, mut progress: impl FnMut(u64)) -> io::Result<File> {
    let mut to = tempfile::tempfile()?;
    let mut buffer = vec![0; 64 * 1024];
    let mut copied = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(to),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&buffer[..read])?;
        copied += read as u64;
        progress(copied);
    }
}

/// Hashes what is read through it.
pub(crate) struct Hashed<R> {
    from: R,
    hasher: Box<Xxh3>,
}

impl<R> Hashed<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            hasher: Box::new(Xxh3::new()),
        }
    }

    /// The hash of all that was read.
    pub(crate) fn hash(&self) -> u128 {
        self.hasher.digest128()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(content: &[u8]) -> Input {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        Input::of(file, "tasks".into(), |_| {}).unwrap()
    }

    fn read(input: &Input) -> Vec<u8> {
        let mut content = Vec::new();
        input.reader().unwrap().read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn it_reads_twice_from_where_it_stood() {
        let mut input = input(b"skipped,rest");
        input.start = 8;
        assert_eq!(input.length().unwrap(), 4);
        assert_eq!(read(&input), b"rest");
        assert_eq!(read(&input), b"rest");
    }

    #[test]
    fn a_longer_file_has_another_stamp() {
        let input = input(b"a");
        let before = input.stamp().unwrap();
        assert_eq!(before, input.stamp().unwrap());
        let mut file = input.file.try_clone().unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"b").unwrap();
        assert_ne!(before, input.stamp().unwrap());
    }

    #[test]
    fn a_directory_is_refused() {
        let error = Input::open(Some(&std::env::temp_dir()), |_| {}).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("is a directory, not a CSV file")
        );
    }

    #[test]
    fn the_hash_does_not_depend_on_how_it_is_read() {
        let content = vec![7; 10_000];
        let mut whole = Hashed::new(&*content);
        io::copy(&mut whole, &mut io::sink()).unwrap();
        let mut parts = Hashed::new(&*content);
        while parts.read(&mut [0; 7]).unwrap() > 0 {}
        assert_eq!(whole.hash(), parts.hash());
        assert_ne!(whole.hash(), Hashed::new(&b""[..]).hash());
    }
}

//! Where the results go: [`Output`].

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use orchestrator::{TaskResult, TaskStatus};
use serde::{Deserialize, Serialize};

use super::partial::Partial;
use super::printable::{self, one_line};
use super::redaction::redact;
use super::standard_output::{self, is_same};

/// Rows are held back no longer than this.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// Rows are held back up to this many bytes.
const FLUSH_AT: usize = 64 * 1024;

/// A row of the results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskOutput {
    pub(crate) task_id: u64,
    pub(crate) final_status: FinalStatus,
    /// One line that says which step failed, why, and after how many attempts. It is meant to be
    /// read, and results may go to a terminal, so it has nothing in it that a terminal would obey.
    pub(crate) error_info: String,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FinalStatus {
    Completed,
    Failed,
}

const HEADER: [&str; 3] = ["task_id", "final_status", "error_info"];

impl<O> From<&TaskResult<O>> for TaskOutput {
    fn from(result: &TaskResult<O>) -> Self {
        Self {
            task_id: result.id.0,
            final_status: match result.status() {
                TaskStatus::Completed => FinalStatus::Completed,
                TaskStatus::Failed => FinalStatus::Failed,
            },
            error_info: match &result.outcome {
                Ok(_) => String::new(),
                Err(error) => one_line(&redact(&error.to_string())).into_owned(),
            },
        }
    }
}

/// The results, as CSV. Rows go out whole: a reader never sees a part of one for longer than a
/// write takes.
pub(crate) struct Output {
    rows: csv::Writer<Pending>,
    held_since: Option<Instant>,
    partial: Option<Partial>,
}

/// A file that the results must not go to.
pub(crate) struct InUse {
    pub(crate) what: &'static str,
    pub(crate) file: Metadata,
}

impl Output {
    /// Opens the output: a file, or standard output.
    pub(crate) fn open(path: Option<&Path>, in_use: &[InUse]) -> anyhow::Result<Self> {
        let Some(path) = path else {
            if let Some(other) = in_use.iter().find(|other| standard_output::is(&other.file)) {
                let what = other.what;
                bail!("standard output is {what}: send the results to another file");
            }
            return Self::standard();
        };
        // A symbolic link stays what it is: the file that it names is replaced.
        let target = followed(path);
        let name = printable::path(path);
        let cannot_write = || format!("cannot write {name}");
        let existing = match fs::metadata(&target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(cannot_write),
        };
        if existing.as_ref().is_some_and(Metadata::is_dir) {
            bail!("cannot write {name}: it is a directory");
        }
        let is_existing = |other: &&InUse| {
            let existing = existing.as_ref();
            existing.is_some_and(|file| is_same(file, &other.file))
        };
        if let Some(other) = in_use.iter().find(is_existing) {
            let what = other.what;
            bail!("{name} is {what}: send the results to another file");
        }
        // The shell's `>` may have opened the same file: what others wrote to it before stays.
        if existing.as_ref().is_some_and(standard_output::is) {
            return Self::standard();
        }
        if existing.as_ref().is_some_and(|file| !file.is_file()) {
            let device = File::options().write(true).open(&target);
            let device = device.with_context(cannot_write)?;
            return Self::new(Box::new(device), None).with_context(cannot_write);
        }
        let header = format!("{}\n", HEADER.join(","));
        let partial = Partial::create(target, existing.as_ref(), header.as_bytes(), in_use)?;
        let file = partial.file().with_context(cannot_write)?;
        Self::new(Box::new(file), Some(partial)).with_context(cannot_write)
    }

    fn standard() -> anyhow::Result<Self> {
        let output = standard_output::open()?;
        Self::new(Box::new(output), None).context("cannot write the results")
    }

    fn new(to: Box<dyn Write + Send>, partial: Option<Partial>) -> io::Result<Self> {
        let mut rows = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Pending {
                to,
                bytes: Vec::new(),
            });
        rows.write_record(HEADER).map_err(io::Error::from)?;
        Ok(Self {
            rows,
            held_since: Some(Instant::now()),
            partial,
        })
    }

    /// Adds a row.
    pub(crate) fn write(&mut self, row: &TaskOutput) -> io::Result<()> {
        self.rows.serialize(row).map_err(io::Error::from)?;
        let held = *self.held_since.get_or_insert_with(Instant::now);
        if self.rows.get_ref().bytes.len() >= FLUSH_AT || held.elapsed() >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out what is held back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.held_since.take().is_some() {
            self.rows.flush()?;
        }
        Ok(())
    }

    /// Ends the output. A file that is `complete` gets its name; otherwise it stays a partial one,
    /// whose path is returned.
    pub(crate) fn finish(mut self, complete: bool) -> io::Result<Option<PathBuf>> {
        self.flush()?;
        match self.partial {
            None => Ok(None),
            Some(partial) if complete => partial.complete().map(|()| None),
            Some(partial) => Ok(Some(partial.into_path())),
        }
    }
}

/// Holds rows back until they are flushed, so that the CSV writer's own buffer does not cut them.
struct Pending {
    to: Box<dyn Write + Send>,
    bytes: Vec<u8>,
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Taken out first: what failed once is not written again when the writer is dropped.
        let mut bytes = std::mem::take(&mut self.bytes);
        // A reader that pauses holds up this thread of the runtime, and none of its tasks.
        tokio::task::block_in_place(|| {
            self.to.write_all(&bytes)?;
            self.to.flush()
        })?;
        bytes.clear();
        self.bytes = bytes;
        Ok(())
    }
}

/// The file that symbolic links lead to, also where it is not there yet.
fn followed(path: &Path) -> PathBuf {
    /// More than any system follows, so that a circle has an end.
    const LINKS: usize = 64;
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        if fs::exists(&target).unwrap_or(false) {
            // What is no file has no path, such as the pipe that `/dev/stdout` leads to.
            return fs::canonicalize(&target).unwrap_or(target);
        }
        let Ok(link) = fs::read_link(&target) else {
            break;
        };
        target = match target.parent() {
            Some(folder) => folder.join(link),
            None => link,
        };
    }
    target
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;

    /// Remembers each write.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn failed(task_id: u64, error_info: &str) -> TaskOutput {
        TaskOutput {
            task_id,
            final_status: FinalStatus::Failed,
            error_info: error_info.to_owned(),
        }
    }

    #[test]
    fn rows_go_out_whole() {
        let writes = Writes::default();
        let mut output = Output::new(Box::new(writes.clone()), None).unwrap();
        for id in 0..10_000 {
            output.write(&failed(id, "fetch_data: \"x\", y")).unwrap();
        }
        output.finish(true).unwrap();
        let writes = writes.0.lock().unwrap();
        assert!(writes.len() > 1);
        assert!(writes.iter().all(|bytes| bytes.ends_with(b"\n")));
        assert_eq!(
            writes[0].lines_of(2),
            "task_id,final_status,error_info\n0,Failed,\"fetch_data: \"\"x\"\", y\"\n"
        );
    }

    trait LinesOf {
        fn lines_of(&self, count: usize) -> String;
    }

    impl LinesOf for Vec<u8> {
        fn lines_of(&self, count: usize) -> String {
            let text = String::from_utf8_lossy(self);
            text.split_inclusive('\n').take(count).collect()
        }
    }

    #[test]
    fn no_row_still_has_a_header() {
        let writes = Writes::default();
        Output::new(Box::new(writes.clone()), None)
            .unwrap()
            .finish(true)
            .unwrap();
        let writes = writes.0.lock().unwrap();
        assert_eq!(*writes, [b"task_id,final_status,error_info\n"]);
    }

    proptest! {
        #[test]
        fn any_row_comes_back_as_it_was(
            rows in prop::collection::vec((any::<u64>(), any::<bool>(), any::<String>()), 0..20),
        ) {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(task_id, ok, error_info)| TaskOutput {
                    task_id,
                    final_status: if ok { FinalStatus::Completed } else { FinalStatus::Failed },
                    error_info,
                })
                .collect();
            let writes = Writes::default();
            let mut output = Output::new(Box::new(writes.clone()), None).unwrap();
            rows.iter().try_for_each(|row| output.write(row)).unwrap();
            output.finish(true).unwrap();
            let written = writes.0.lock().unwrap().concat();
            let read: Result<Vec<TaskOutput>, _> =
                csv::Reader::from_reader(&*written).deserialize().collect();
            prop_assert_eq!(read.unwrap(), rows);
        }
    }
}

//! Tasks and a journal in a folder of their own: [`Kept`].

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cli::{Finished, Running, csv_runner, tasks};

/// Tasks, and the journal of a run on them.
pub(crate) struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    pub(crate) fn new(tasks: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tasks.csv"), tasks).unwrap();
        Self { folder }
    }

    pub(crate) fn with_rows(rows: u64) -> Self {
        Self::new(tasks(0..rows))
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program on these tasks, with this journal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = csv_runner(&["--journal=run.db", "tasks.csv"]);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish()
    }

    /// What `status` says.
    pub(crate) fn status(&self) -> Finished {
        let mut command = csv_runner(&["status", "run.db"]);
        command.current_dir(self.folder.path());
        Running::start(command).finish()
    }
}

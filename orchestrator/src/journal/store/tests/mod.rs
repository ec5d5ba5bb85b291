//! With real files in a directory of their own.

mod broken;
mod compaction;
mod damage;
mod delays;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod kills;
mod model;
mod refusals;
mod roundtrip;
mod statuses;

use std::path::PathBuf;
use std::time::Duration;

use super::opening::Tuning;
use super::*;

/// A directory that is removed at the end, and the path of a journal in it.
struct Place {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.db");
        Self { directory, path }
    }

    fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    /// With a log that is folded when it has more rows than this.
    fn open_short(&self, short: u64) -> Store {
        let tuning = Tuning {
            short,
            ..Tuning::default()
        };
        self.open_tuned(tuning).unwrap()
    }

    fn open_tuned(&self, tuning: Tuning) -> Result<Store, Error> {
        Opening::new(&self.path)?
            .tuned(tuning)
            .begin(&identity(), run, Commits::Inline, &clock())
    }

    /// A connection as of a person with `SQLite`'s shell.
    fn shell(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }

    fn try_open(&self) -> Result<Store, Error> {
        Opening::new(&self.path)?.begin(&identity(), run, Commits::Inline, &clock())
    }
}

fn identity() -> Identity {
    Identity {
        blueprint: "Crawl".to_owned(),
        steps: vec!["fetch".to_owned(), "parse".to_owned()],
        facts: vec![("order".to_owned(), "input".to_owned())],
    }
}

/// A clock that shows 0 milliseconds of 1970 whenever a journal is opened.
fn clock() -> ClockReading {
    ClockReading {
        name: "a clock".to_owned(),
        tick: 0,
        at: 0,
    }
}

/// Appends the hashes of the inputs of the next tasks.
fn append_inputs(store: &Store, new: Vec<u128>) {
    let hashes = Hashes {
        new,
        ..Hashes::default()
    };
    store.append_with(hashes, Vec::new(), None);
}

/// The name of every run.
fn run() -> String {
    "0123456789abcdef".repeat(2)
}

fn stands(ordinal: u64, step: &'static str, json: &str) -> Record {
    Record {
        ordinal,
        id: ordinal + 100,
        stage: Stage::Next {
            step: step.into(),
            attempt: 1,
            json: json.to_owned(),
            wake: None,
        },
    }
}

fn waits(ordinal: u64, at: i64) -> Record {
    waits_for(ordinal, at, FAR + Duration::from_secs(1))
}

fn waits_for(ordinal: u64, at: i64, full: Duration) -> Record {
    Record {
        ordinal,
        id: ordinal + 100,
        stage: Stage::Next {
            step: "fetch".into(),
            attempt: 1,
            json: "1".to_owned(),
            wake: Some(Wake {
                at,
                full,
                clock: 1,
                tick: at,
            }),
        },
    }
}

fn completed(ordinal: u64) -> Record {
    Record {
        ordinal,
        id: ordinal + 100,
        stage: Stage::Completed {
            json: "null".to_owned(),
        },
    }
}

fn failed(ordinal: u64, message: &str) -> Record {
    Record {
        ordinal,
        id: ordinal + 100,
        stage: Stage::Failed {
            step: "parse".into(),
            attempts: 3,
            kind: FailureKind::TimedOut,
            message: message.to_owned(),
        },
    }
}

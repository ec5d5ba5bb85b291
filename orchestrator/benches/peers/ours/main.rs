//! The journal of this repository.

use std::path::Path;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use orchestrator::{Journal, Orchestrator, Task, blueprint};

#[path = "../src/report.rs"]
mod report;

struct Nothing;

#[blueprint]
impl Nothing {
    #[step]
    async fn first(&self, payload: String) -> String {
        payload
    }

    #[step]
    async fn second(&self, payload: String) -> String {
        payload
    }

    #[step]
    async fn third(&self, payload: String) -> String {
        payload
    }
}

const TASKS: u32 = 2_000_000;

fn main() {
    report::measure("ours", run);
}

async fn run(directory: &Path) -> report::Measured {
    let path = directory.join("ours.db");
    let orchestrator = Orchestrator::new(Nothing)
        .journal(Journal::open(&path).expect("a journal"))
        .expect("a run")
        .concurrency(10_000);
    let tasks = (0..u64::from(TASKS)).map(|id| Task::new(id, report::PAYLOAD.to_owned()));
    let began = Instant::now();
    let ended = orchestrator
        .execute_tasks_streaming(stream::iter(tasks))
        .filter(|result| std::future::ready(result.as_ref().expect("a run").outcome.is_ok()))
        .count()
        .await;
    let elapsed = began.elapsed();
    assert_eq!(ended, TASKS as usize);
    // The writer's connection is its own: from outside only what belongs to the file can be read.
    let journal_mode: String = rusqlite::Connection::open(&path)
        .and_then(|connection| {
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
        })
        .expect("a mode");
    report::Measured {
        tasks: TASKS,
        elapsed,
        durability: format!("journal_mode={journal_mode}"),
    }
}

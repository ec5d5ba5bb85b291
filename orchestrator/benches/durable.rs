//! What a durable run costs: tasks/s of three steps that do nothing, each of them on disk before the next
//! begins, beside a bare `SQLite` writer with the same records; the wait of a lone task; tasks in a long
//! delay; opening.
//!
//! `cargo bench -p orchestrator --features journal --bench durable`

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use orchestrator::{Journal, Orchestrator, Task, blueprint};
use rusqlite::Connection;

/// Three steps that hand a payload of 26 bytes on.
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

/// A delay of an hour and a step.
struct Hour;

#[blueprint]
impl Hour {
    #[delay]
    fn wait(&self, _: &String) -> Duration {
        Duration::from_secs(3_600)
    }

    #[step]
    async fn then(&self, payload: String) -> String {
        payload
    }
}

const PAYLOAD: &str = "abcdefghijklmnopqrstuvwxyz";

fn tasks(count: u64) -> impl Iterator<Item = Task<String>> {
    (0..count).map(|id| Task::new(id, PAYLOAD.to_owned()))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn main() {
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let count = 300_000;
    let (mut bare, mut durable) = (0.0_f64, 0.0_f64);
    for round in 0..3 {
        bare = bare.max(bare_writer(&path(&format!("bare{round}.db")), 900_000));
        durable = durable.max(throughput(&path(&format!("run{round}.db")), count));
    }
    let records = 3.0 * durable;
    println!("bare writer           {bare:>10.0} records/s");
    println!(
        "three steps           {durable:>10.0} tasks/s, {records:.0} records/s, {:.0} % of the bare writer's",
        100.0 * records / bare
    );
    let size = |name: &str| std::fs::metadata(path(name)).map_or(0, |file| file.len());
    println!(
        "disk                  {:>10} bytes a finished task, folded",
        size("run0.db") / count
    );
    lone(&path("lone.db"), directory.path());
    for count in [1_000_000, 4_000_000] {
        delays(&path(&format!("hour{count}.db")), count);
    }
}

/// Commits records of the same kind from one thread, 1,000 at a time.
fn bare_writer(path: &Path, count: i64) -> f64 {
    let connection = Connection::open(path).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;
             CREATE TABLE log (seq INTEGER PRIMARY KEY, ordinal INTEGER, id INTEGER, stage INTEGER, step INTEGER, text TEXT)",
        )
        .expect("a table");
    let began = Instant::now();
    let mut insert = connection
        .prepare("INSERT INTO log (ordinal, id, stage, step, text) VALUES (?1, ?1, 0, 1, ?2)")
        .expect("a statement");
    for batch in 0..count / 1_000 {
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .expect("a transaction");
        for number in 0..1_000 {
            insert
                .execute((batch * 1_000 + number, "\"abcdefghijklmnopqrstuvwxyz\""))
                .expect("a row");
        }
        connection.execute_batch("COMMIT").expect("a commit");
    }
    count as f64 / began.elapsed().as_secs_f64()
}

fn throughput(path: &Path, count: u64) -> f64 {
    runtime().block_on(async {
        let journal = Journal::open(path).expect("a journal");
        let orchestrator = Orchestrator::new(Nothing)
            .journal(journal)
            .expect("a run")
            .concurrency(10_000);
        let began = Instant::now();
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(count)));
        let ended = results
            .filter(|result| std::future::ready(result.as_ref().expect("a run").outcome.is_ok()))
            .count();
        assert_eq!(ended.await as u64, count);
        count as f64 / began.elapsed().as_secs_f64()
    })
}

/// How long a step of a task takes that is alone, beside one fsync.
fn lone(path: &Path, directory: &Path) {
    let mut waits: Vec<_> = runtime().block_on(async {
        let journal = Journal::open(path).expect("a journal");
        let orchestrator = Orchestrator::new(Nothing).journal(journal).expect("a run");
        let (sender, mut results) = orchestrator.channel(1);
        let mut waits = Vec::new();
        for id in 0..500 {
            sender
                .send(Task::new(id, PAYLOAD.to_owned()))
                .await
                .expect("a run");
            let began = Instant::now();
            results.recv().await.expect("a run").expect("a result");
            waits.push(began.elapsed() / 3);
        }
        waits
    });
    waits.sort_unstable();
    let file = std::fs::File::create(directory.join("fsync")).expect("a file");
    let mut syncs: Vec<_> = (0..500)
        .map(|_| {
            let began = Instant::now();
            std::io::Write::write_all(&mut &file, &[1; 4_096]).expect("a page");
            file.sync_data().expect("a sync");
            began.elapsed()
        })
        .collect();
    syncs.sort_unstable();
    println!(
        "a lone task's step    {:>10.2?} p50, {:.2?} p99; one fsync {:.2?} p50, {:.2?} p99",
        waits[250], waits[495], syncs[250], syncs[495]
    );
}

/// Parks tasks for an hour, and opens the journal again.
fn delays(path: &Path, count: u64) {
    let before = resident();
    let runtime = runtime();
    let began = Instant::now();
    let (orchestrator, results) = runtime.block_on(async {
        let journal = Journal::open(path).expect("a journal");
        let orchestrator = Orchestrator::new(Hour).journal(journal).expect("a run");
        let orchestrator = orchestrator.concurrency(10_000).window(usize::MAX);
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(count)));
        // All are on disk when the last one is.
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let status = Journal::status(path).expect("a status");
            let waiting: u64 = status.steps.iter().map(|step| step.waiting).sum();
            if waiting == count {
                break;
            }
        }
        (orchestrator, results)
    });
    println!(
        "{count} in a delay  {:>10.2?} to park, {} MB resident more",
        began.elapsed(),
        (resident().saturating_sub(before)) / 1_000_000
    );
    drop((results, orchestrator));
    drop(runtime);
    let began = Instant::now();
    let first = self::runtime().block_on(async {
        let journal = loop {
            match Journal::open(path) {
                Err(error) if error.is_locked() => tokio::task::yield_now().await,
                journal => break journal.expect("a journal"),
            }
        };
        let journal = journal.at(std::time::SystemTime::now() + Duration::from_secs(7_200));
        let orchestrator = Orchestrator::new(Hour).journal(journal).expect("a run");
        let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks(count)));
        results.recv().await.expect("a run").expect("a result");
        began.elapsed()
    });
    println!("opened again          {first:>10.2?} until the first of them has ended");
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

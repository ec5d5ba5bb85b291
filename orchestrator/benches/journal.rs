//! What the journal's file costs: records a second beside a bare `SQLite` writer, bytes a task, the
//! time to open.
//!
//! `cargo bench -p orchestrator --features journal --bench journal [-- DIRECTORY]`. The directory says
//! which disk is measured; it is the system's temporary one unless given.

// The storage is crate-internal, and needs nothing of the crate.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../src/journal/store/mod.rs"]
mod store;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use store::{ClockReading, Commits, Identity, Mark, Opening, Record, Stage, Store, Wake};

const TASKS: u64 = 250_000;
/// A task has a record for each of three steps, and one of its end.
const RECORDS: u64 = 4;
/// The tasks that are under way at once.
const WINDOW: u64 = 10_000;
/// The records that are handed over at once.
const APPEND: usize = 200;
/// The records that may wait for the disk.
const UNDERWAY: u64 = 40_000;
/// Of 26 bytes.
const JSON: &str = r#"{"page":1234567,"depth":3}"#;
const STEPS: [&str; 3] = ["fetch", "parse", "save"];

fn identity() -> Identity {
    Identity {
        blueprint: "Bench".to_owned(),
        steps: STEPS.map(str::to_owned).to_vec(),
        facts: Vec::new(),
    }
}

fn run() -> String {
    "0123456789abcdef".repeat(2)
}

/// In which order the tasks move on.
#[derive(Clone, Copy)]
enum Pattern {
    /// A window of them from the first step to the last, then the next.
    Window,
    /// All of them one step, then all the next.
    Spread,
    /// As `Spread`, in no order of ordinals.
    Random,
}

/// Task ids: as they are counted, or all over.
#[derive(Clone, Copy)]
enum Ids {
    Counted,
    Random,
}

/// When delays end: all within an hour.
#[derive(Clone, Copy)]
enum Ends {
    /// There are none.
    Never,
    /// About in the order in which they began.
    InOrder,
    Random,
}

/// What is measured in turn, beside the first.
const PATTERNS: [(&str, Pattern, Ids, Ends); 5] = [
    ("window", Pattern::Window, Ids::Counted, Ends::Never),
    (
        "window, random ids",
        Pattern::Window,
        Ids::Random,
        Ends::Never,
    ),
    ("spread", Pattern::Spread, Ids::Counted, Ends::Never),
    ("random order", Pattern::Random, Ids::Random, Ends::Never),
    (
        "random order, random delays",
        Pattern::Random,
        Ids::Random,
        Ends::Random,
    ),
];
const ROUNDS: usize = 7;

const HOUR: u64 = 3_600_000;

fn record(ordinal: u64, round: u64, ids: Ids) -> Record {
    let id = match ids {
        Ids::Counted => ordinal,
        Ids::Random => scatter(ordinal),
    };
    let step = usize::try_from(round).ok().and_then(|at| STEPS.get(at));
    let json = JSON.to_owned();
    let stage = match step {
        Some(&step) => Stage::Next {
            step: step.into(),
            attempt: 1,
            json,
            wake: None,
        },
        None => Stage::Completed { json },
    };
    Record { ordinal, id, stage }
}

/// The record with a delay before the step, if the task has one. There are `tasks` of them.
fn in_delay(mut record: Record, tasks: u64, ends: Ends) -> Record {
    let at = match ends {
        Ends::Never => None,
        Ends::InOrder => Some(record.ordinal * HOUR / tasks + scatter(record.ordinal) % 100),
        Ends::Random => Some(scatter(record.ordinal) % HOUR),
    };
    if let Stage::Next { wake, .. } = &mut record.stage {
        *wake = at.map(|at| Wake {
            at: at.cast_signed(),
            full: Duration::from_secs(3600),
            clock: 1,
            tick: at.cast_signed(),
        });
    }
    record
}

fn scatter(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn records(tasks: u64, pattern: Pattern, ids: Ids) -> Box<dyn Iterator<Item = Record>> {
    let spread = move |from: u64, to: u64| {
        (0..RECORDS).flat_map(move |round| (from..to).map(move |at| (at, round)))
    };
    let places: Box<dyn Iterator<Item = (u64, u64)>> = match pattern {
        Pattern::Window => Box::new(
            (0..tasks.div_ceil(WINDOW))
                .flat_map(move |at| spread(at * WINDOW, tasks.min((at + 1) * WINDOW))),
        ),
        Pattern::Spread => Box::new(spread(0, tasks)),
        // 7919 is prime, and divides no number of tasks here: each comes once a round.
        Pattern::Random => {
            Box::new(spread(0, tasks).map(move |(at, round)| (at * 7919 % tasks, round)))
        }
    };
    Box::new(places.map(move |(ordinal, round)| record(ordinal, round, ids)))
}

fn open(path: &Path) -> Store {
    let opening = Opening::new(path).expect("a directory that can be written");
    let clock = ClockReading {
        name: "bench".to_owned(),
        tick: 0,
        at: 0,
    };
    let opened = opening.begin(&identity(), run, Commits::OnAThread, &clock);
    opened.expect("a journal that opens")
}

fn wait_for(store: &Store, position: u64) {
    while store.committed().expect("a disk with room") < position {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Appends all, and waits until it is on disk.
fn append(store: &Store, records: impl Iterator<Item = Record>) {
    let mut records = records.peekable();
    let mut position = 0;
    while records.peek().is_some() {
        position = store.append(records.by_ref().take(APPEND).collect(), None);
        wait_for(store, position.saturating_sub(UNDERWAY));
    }
    wait_for(store, position);
}

/// The same records and batches, by an insert each into one table without an index.
fn bare(path: &Path, records: impl Iterator<Item = Record>) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000;
         CREATE TABLE log (seq INTEGER PRIMARY KEY, ordinal INTEGER, id INTEGER, step INTEGER, json TEXT)",
    )?;
    let mut records = records.peekable();
    while records.peek().is_some() {
        let transaction = connection.unchecked_transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO log (ordinal, id, step, json) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for record in records.by_ref().take(10_000) {
                let ids = (record.ordinal.cast_signed(), record.id.cast_signed());
                insert.execute(params![ids.0, ids.1, 1, JSON])?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

fn bytes(path: &Path) -> u64 {
    let of = |suffix: &str| {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        fs::metadata(path).map_or(0, |file| file.len())
    };
    of("") + of("-wal")
}

#[expect(clippy::cast_precision_loss, reason = "figures to read")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64() / 1e3
}

#[expect(clippy::print_stdout, reason = "figures to read")]
fn main() {
    // `cargo bench` adds arguments of its own.
    let place = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let place = place.map_or_else(std::env::temp_dir, Into::into);
    let directory = tempfile::tempdir_in(place).expect("a directory that can be written");
    let path = |name: &str| directory.path().join(name);
    let count = TASKS * RECORDS;

    for (at, ids) in [Ids::Counted, Ids::Random].into_iter().enumerate() {
        let input: Vec<_> = records(TASKS, Pattern::Window, ids).collect();
        let begin = Instant::now();
        bare(&path(&format!("bare{at}")), input.into_iter()).expect("a disk with room");
        let name = ["a bare writer", "a bare writer, random ids"][at];
        println!("{name:36} {:5.0} k records/s", rate(count, begin.elapsed()));
    }
    // In turn, so that what else the machine does meets all of them.
    let mut rates = [const { Vec::new() }; PATTERNS.len()];
    for round in 0..ROUNDS {
        for (rates, &(name, pattern, ids, ends)) in rates.iter_mut().zip(&PATTERNS) {
            let path = path(&format!("{name}{round}"));
            let store = open(&path);
            // The first step is a delay, if there are any.
            let ends_of = |at| if at < TASKS { ends } else { Ends::Never };
            let delayed = |(at, record)| in_delay(record, TASKS, ends_of(at));
            let input = (0..).zip(records(TASKS, pattern, ids)).map(delayed);
            let input: Vec<_> = input.collect();
            let begin = Instant::now();
            append(&store, input.into_iter());
            rates.push(rate(count, begin.elapsed()));
            store.mark(Mark::Finished, Some(0), None);
            store.close().expect("a disk with room");
            if round == 0 {
                println!("{name}: {} bytes a task", bytes(&path) / TASKS);
            }
            fs::remove_file(&path).expect("a file");
        }
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    for (rate, (name, ..)) in rates.iter().zip(PATTERNS) {
        let ratios = rate
            .iter()
            .zip(&rates[0])
            .map(|(rate, window)| window / rate);
        println!(
            "the journal, {name:28} {:5.0} k records/s, {:.2} times the window's cost",
            median(rate.clone()),
            median(ratios.collect()),
        );
    }

    // As many as stay in the log.
    let tasks = 120_000;
    let path_of_log = path("log");
    let store = open(&path_of_log);
    append(&store, records(tasks, Pattern::Window, Ids::Random));
    store.close().expect("a disk with room");
    println!(
        "before compaction: {} bytes a task",
        bytes(&path_of_log) / tasks
    );

    one_by_one(&path("one by one"));
    pause(&path("pause"));
    for (name, tasks, ends) in [
        ("in no delay, half of it folded", 1_000_000, Ends::Never),
        ("in delays, all in the log", 490_000, Ends::InOrder),
        ("in delays, half of it folded", 1_000_000, Ends::InOrder),
        (
            "in delays that end at random, half of it folded",
            1_000_000,
            Ends::Random,
        ),
    ] {
        opening(&path(name), name, tasks, ends);
    }
}

/// What a task waits for that goes on when its record is on disk, if it is alone.
#[expect(clippy::print_stdout, reason = "figures to read")]
fn one_by_one(path: &Path) {
    let store = open(path);
    let begin = Instant::now();
    for ordinal in 0..500 {
        let position = store.append(vec![record(ordinal, 0, Ids::Counted)], None);
        while store.committed().expect("a disk with room") < position {
            std::thread::yield_now();
        }
    }
    println!("a record alone: {:?}", begin.elapsed() / 500);
}

/// The longest that records wait for the disk, without a fold and over one of half a million rows
/// into a million tasks.
#[expect(clippy::print_stdout, reason = "figures to read")]
fn pause(path: &Path) {
    const TASKS: u64 = 1_000_000;
    let store = open(path);
    // Each half million is folded as soon as a batch makes it more.
    let again =
        |round, count| (0..count).map(move |at| record(at * 7919 % TASKS, round, Ids::Random));
    append(&store, (0..TASKS).map(|at| record(at, 0, Ids::Random)));
    append(&store, again(1, 30_000));
    let mut longest = [Duration::ZERO; 2];
    // As batches are of up to 10,000, the third one is too long only in the second round.
    for (longest, count) in longest.iter_mut().zip([460_000, 40_000]) {
        let mut records = again(1, count).peekable();
        while records.peek().is_some() {
            let begin = Instant::now();
            let position = store.append(records.by_ref().take(APPEND).collect(), None);
            wait_for(&store, position);
            *longest = begin.elapsed().max(*longest);
        }
    }
    println!(
        "{APPEND} records wait for {:.2?} at most, and for {:.2?} while the log is folded",
        longest[0], longest[1]
    );
}

#[expect(clippy::print_stdout, reason = "figures to read")]
fn opening(path: &Path, name: &str, tasks: u64, ends: Ends) {
    let store = open(path);
    let waiting = (0..tasks).map(|ordinal| in_delay(record(ordinal, 0, Ids::Random), tasks, ends));
    let begin = Instant::now();
    append(&store, waiting);
    let appended = begin.elapsed();
    store.close().expect("a disk with room");
    let begin = Instant::now();
    let store = open(path);
    let opened = begin.elapsed();
    let begin = Instant::now();
    let mut recalled = 0;
    for from in (0..tasks).step_by(10_000) {
        let range = from..from + 10_000;
        recalled += store
            .recall(range)
            .expect("a journal that can be read")
            .len() as u64;
    }
    assert_eq!(recalled, tasks);
    let recall = begin.elapsed();
    let begin = Instant::now();
    let due = store
        .due(0, 60_000)
        .expect("a journal that can be read")
        .len();
    let found = begin.elapsed();
    let begin = Instant::now();
    let status = store::status(path, 0).expect("a journal that can be read");
    assert_eq!(status.steps[0].ready + status.steps[0].waiting, tasks);
    println!(
        "{tasks} {name}: appended at {:.0} k/s, opened in {opened:.0?}, recalled in \
         {recall:.1?}; {due} due found in {found:.0?}; status in {:.1?}",
        rate(tasks, appended),
        begin.elapsed(),
    );
}

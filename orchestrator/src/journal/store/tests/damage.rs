//! Files that are damaged in any place: each is refused or read rightly.

use std::fs;

use super::refusals::as_of_a_crash;
use super::*;

const TASKS: u64 = 300;
const INPUTS: u64 = 500;

/// A journal with everything in it: folded tasks, a log, far delays, long texts, marks and hashes of inputs.
fn journal() -> (Place, Store) {
    let place = Place::new();
    let store = place.open_short(TASKS + 20);
    append_inputs(&store, (0..INPUTS).map(u128::from).collect());
    store.mark(Mark::Read, Some(5), None);
    store.append((0..TASKS).map(first).collect(), None);
    for ordinal in 0..TASKS {
        if ordinal % 3 > 0 {
            store.append(vec![second(ordinal)], None);
        }
    }
    (place, store)
}

fn first(ordinal: u64) -> Record {
    match ordinal % 4 {
        0 => waits(ordinal, ordinal.cast_signed() * 100),
        1 => stands(ordinal, "fetch", &"x".repeat(900)),
        _ => stands(ordinal, "parse", &ordinal.to_string()),
    }
}

fn second(ordinal: u64) -> Record {
    match ordinal % 3 {
        1 => failed(ordinal, &format!("no {ordinal}")),
        _ => completed(ordinal),
    }
}

/// Everything that a program reads from a journal.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    records: Vec<Record>,
    due: Vec<Record>,
    inputs: Vec<u128>,
    marks: Marks,
    run: String,
}

fn read(place: &Place) -> Result<Contents, Error> {
    let store = place.try_open()?;
    let mut records = Vec::new();
    for first in (0..store.ordinals()).step_by(1_024) {
        records.extend(store.recall(first..first + 1_024)?);
    }
    Ok(Contents {
        records,
        due: store.due(0, i64::MAX)?,
        inputs: store.recall_inputs(0..store.inputs())?,
        marks: store.marks(),
        run: store.run().to_owned(),
    })
}

/// Changes a file. Returns what was done.
fn damage(bytes: &mut [u8], random: &mut fastrand::Rng) -> String {
    let at = random.usize(..bytes.len());
    match random.u8(..10) {
        0..6 => {
            let bit = random.u8(..8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        6..8 => {
            bytes[at] = random.u8(..);
            format!("byte {at} replaced")
        }
        8 => {
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
            format!("a sector from byte {at} on cleared")
        }
        _ => {
            let pages = bytes.len() / 4_096;
            let (one, other) = (random.usize(..pages), random.usize(..pages));
            let page = bytes[one * 4_096..(one + 1) * 4_096].to_vec();
            bytes[other * 4_096..(other + 1) * 4_096].copy_from_slice(&page);
            format!("page {one} copied over page {other}")
        }
    }
}

/// The first records that differ.
fn difference(expected: &Contents, read: &Contents) -> String {
    let lines = |contents: &Contents| format!("{contents:#?}");
    let (expected, read) = (lines(expected), lines(read));
    let mut pairs = expected.lines().zip(read.lines());
    let differ = pairs.find(|(one, other)| one != other);
    format!("; expected, and read: {differ:?}")
}

/// Damages a journal in many ways. Returns how many times it was refused.
fn damage_often(place: &Place, name: &str, times: u32, allowed: &[Contents]) -> u32 {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut refused = 0;
    for _ in 0..times {
        let damaged = as_of_a_crash(place);
        let file = damaged.directory.path().join(name);
        let mut bytes = fs::read(&file).unwrap();
        let what = damage(&mut bytes, &mut random);
        fs::write(&file, bytes).unwrap();
        match read(&damaged) {
            Err(_) => refused += 1,
            Ok(contents) => assert!(
                allowed.contains(&contents),
                "seed {seed}: {what}{}",
                difference(&allowed[0], &contents)
            ),
        }
    }
    println!("{refused} of {times} refused");
    refused
}

/// A journal that is closed.
fn closed(times: u32) -> u32 {
    let (place, store) = journal();
    store.mark(Mark::Finished, Some(9), None);
    store.close().unwrap();
    let whole = read(&as_of_a_crash(&place)).unwrap();
    assert_eq!(whole.records.len() as u64, TASKS);
    damage_often(&place, "run.db", times, &[whole])
}

/// A journal whose process was killed: its write-ahead log has what the main file lacks.
fn killed(name: &str, times: u32) -> u32 {
    let (place, store) = journal();
    // Damage that goes as far as the end of the log looks like commits that were cut off.
    let mut allowed = Vec::new();
    for ordinal in [0, 3] {
        allowed.push(read(&as_of_a_crash(&place)).unwrap());
        store.append(vec![completed(ordinal)], None);
    }
    if name == "run.db" {
        allowed.clear();
    }
    allowed.insert(0, read(&as_of_a_crash(&place)).unwrap());
    damage_often(&as_of_a_crash(&place), name, times, &allowed)
}

#[test]
fn a_damaged_journal_is_refused_or_read_rightly() {
    assert!(closed(200) > 20);
}

#[test]
fn a_damaged_main_file_of_a_killed_journal_is_refused_or_read_rightly() {
    killed("run.db", 100);
}

#[test]
fn a_damaged_write_ahead_log_is_refused_or_read_rightly() {
    assert!(killed("run.db-wal", 100) > 50);
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_damaged_journals_are_refused_or_read_rightly() {
    closed(6_000);
    killed("run.db", 2_000);
    killed("run.db-wal", 2_000);
}

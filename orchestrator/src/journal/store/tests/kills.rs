//! A process is killed at each change to the journal's files, one after the other.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::*;

/// The operations of the script. Each appends two records in one commit.
const OPERATIONS: u64 = 12;
const TASKS: u64 = 4;

/// The library that kills, built once for all tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let built = LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let library = directory.path().join("faults.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        let status = compiler.arg(&library).arg(source).arg("-ldl").status();
        assert!(status.unwrap().success());
        (directory, library)
    });
    &built.1
}

/// A journal that is folded and checkpointed every few commits.
fn open(path: &Path) -> Store {
    let tuning = Tuning {
        short: 7,
        checkpoint_pages: 16,
        ..Tuning::default()
    };
    Opening::new(path)
        .unwrap()
        .tuned(tuning)
        .begin(&identity(), run, Commits::Inline, &clock())
        .unwrap()
}

/// The records of an operation: a task's new state, and the operation's number as the state of task 0.
fn operation(number: u64, bytes: usize) -> Vec<Record> {
    let payload = number.to_string().repeat(bytes);
    vec![
        stands(1 + number % TASKS, "parse", &payload),
        stands(0, "fetch", &number.to_string()),
    ]
}

/// The newest records after the first `operations`.
fn expected(operations: u64, bytes: usize) -> Vec<Record> {
    let mut newest = std::collections::BTreeMap::new();
    for record in (0..operations).flat_map(|number| operation(number, bytes)) {
        newest.insert(record.ordinal, record);
    }
    newest.into_values().collect()
}

/// How many operations the journal holds.
fn operations(store: &Store) -> u64 {
    match store.recall(0..1).unwrap().first().map(|it| &it.stage) {
        Some(Stage::Next { json, .. }) => json.parse::<u64>().unwrap() + 1,
        None => 0,
        other => panic!("{other:?}"),
    }
}

/// Carries out the operations that are left and closes the journal as finished.
fn carry_on(store: Store, bytes: usize, mut acknowledge: impl FnMut(u64)) {
    for number in operations(&store)..OPERATIONS {
        let position = store.append(operation(number, bytes), None);
        assert_eq!(store.committed().unwrap(), position);
        acknowledge(number + 1);
    }
    store.mark(Mark::Finished, Some(1), None);
    store.close().unwrap();
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "started by the other tests of this file"]
fn process_that_is_killed() {
    let Ok(directory) = std::env::var("KILLED_IN") else {
        return;
    };
    let bytes = std::env::var("KILLED_BYTES").unwrap().parse().unwrap();
    let directory = Path::new(&directory);
    let mut acknowledged = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("acknowledged"))
        .unwrap();
    carry_on(open(&directory.join("run.db")), bytes, |number| {
        writeln!(acknowledged, "{number}").unwrap();
    });
}

/// The script as a process.
fn process(place: &Place, bytes: usize) -> Command {
    let name = "journal::store::tests::kills::process_that_is_killed";
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args(["--ignored", "--exact", name])
        .env("KILLED_IN", place.directory.path())
        .env("KILLED_BYTES", bytes.to_string());
    process
}

/// Runs the script in a process that is killed at the change of this number. Returns whether it was.
fn run_killed(place: &Place, action: &str, after: u32, bytes: usize) -> bool {
    let output = process(place, bytes)
        .env("LD_PRELOAD", library())
        .env("FAULT_CALL", "change")
        .env("FAULT_DO", action)
        .env("FAULT_AFTER", after.to_string())
        .output()
        .unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "{output:?}");
    killed
}

/// The journal after a kill: what was acknowledged is there, `status` and a refusal read it, and the run is finished
/// from there.
fn check(place: &Place, bytes: usize, what: &str) {
    let acknowledged = fs::read_to_string(place.directory.path().join("acknowledged"));
    let acknowledged = acknowledged.unwrap_or_default();
    let acknowledged = acknowledged
        .lines()
        .last()
        .map_or(0, |last| last.parse().unwrap());
    if place.path.exists() {
        let status = status(&place.path, 0).unwrap_or_else(|error| panic!("{what}: {error}"));
        let tasks: u64 = status.steps.iter().map(|step| step.ready).sum();
        assert!(tasks <= 1 + TASKS, "{what}");
        refusals::check_refused(place, what);
    }
    // Another process that writes nothing leaves it as it is.
    drop(open(&place.path));
    let store = open(&place.path);
    let operations = operations(&store);
    assert!(
        operations >= acknowledged,
        "{what}: {operations} of {acknowledged}"
    );
    let all = store.recall(0..u64::MAX).unwrap();
    assert_eq!(all, expected(operations, bytes), "{what}");
    carry_on(store, bytes, |_| ());
    let all = place.open().recall(0..u64::MAX).unwrap();
    assert_eq!(all, expected(OPERATIONS, bytes), "{what}");
}

/// Kills at every change. Returns how many there were.
fn kill_everywhere(action: &str, bytes: usize) -> u32 {
    for after in 0.. {
        let place = Place::new();
        if !run_killed(&place, action, after, bytes) {
            return after;
        }
        check(
            &place,
            bytes,
            &format!("{action} at change {after}, {bytes} bytes"),
        );
    }
    unreachable!()
}

#[test]
fn a_journal_of_small_rows_opens_after_a_kill_at_any_change() {
    assert!(kill_everywhere("kill", 2) > 100);
}

#[test]
fn a_journal_of_large_rows_opens_after_a_kill_at_any_change() {
    assert!(kill_everywhere("kill", 5_000) > 200);
}

#[test]
fn a_journal_opens_after_a_kill_within_any_write() {
    assert!(kill_everywhere("tear", 1_000) > 100);
}

#[test]
#[ignore = "takes minutes"]
fn a_journal_opens_after_each_of_thousands_of_kills_at_random_times() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for kill in 0..3_000 {
        let bytes = random.choice([2, 300, 5_000, 20_000]).unwrap();
        let place = Place::new();
        // The second process resumes what the first one left.
        for _ in 0..2 {
            let mut child = process(&place, bytes)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_micros(random.u64(2_000..60_000)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        check(
            &place,
            bytes,
            &format!("seed {seed}, kill {kill}, {bytes} bytes"),
        );
    }
}

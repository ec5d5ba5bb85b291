//! SIGKILL at random moments, and what is left in the end.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{ChildStderr, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::cli::Running;
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// No process that is killed lives as long.
const DELAY: Duration = Duration::from_secs(1);
const LONGEST_LIFE: u64 = 350;
/// How long a request takes: rows do not run out before the kills do.
const LATENCY: Duration = Duration::from_millis(20);
const MOST_CONCURRENCY: u64 = 8;

#[test]
fn a_run_that_is_killed_25_times_comes_out_whole() {
    kill_and_check(25, 2_000);
}

#[test]
#[ignore = "takes a minute and a half"]
fn a_run_that_is_killed_250_times_comes_out_whole() {
    kill_and_check(250, 12_000);
}

/// A line on standard error, and when it came.
type Line = (Instant, String);

fn kill_and_check(kills: u64, rows: u64) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let server = Server::start(|request| match request % 40 {
        7 => Answer::status(404),
        _ => Answer::After(LATENCY),
    });
    let kept = Kept::with_rows(rows);
    let mut lines = Vec::new();
    // Steps that may run a second time: those that were executing, or whose result was not on disk. One more than
    // requests may execute.
    let mut cut_off = 0;
    for kill in 0..kills {
        let concurrency = random.u64(1..=MOST_CONCURRENCY);
        let (mut running, reader) = start(&kept, &server, concurrency);
        thread::sleep(Duration::from_millis(random.u64(1..=LONGEST_LIFE)));
        assert!(
            running.child.try_wait().unwrap().is_none(),
            "it ended before kill {kill}"
        );
        running.child.kill().unwrap();
        drop(running);
        lines.extend(reader.join().unwrap());
        cut_off += concurrency + 1;
        check_integrity(&kept);
        assert!(!kept.path("results.csv").exists());
    }
    let events_under_fire = lines.len();
    let fetched_under_fire = server.requests().len();

    let (mut running, reader) = start(&kept, &server, MOST_CONCURRENCY);
    let status = running.child.wait().unwrap();
    lines.extend(reader.join().unwrap());
    assert!(status.success(), "{:?}", lines.last());
    check_integrity(&kept);

    let fetched = server.requests();
    println!(
        "{kills} kills, {rows} rows: {} requests, {} more than rows (at most {cut_off}), {} events; \
         before the last kill {fetched_under_fire} requests and {events_under_fire} events",
        fetched.len(),
        fetched.len() as u64 - rows,
        lines.len(),
    );
    assert!(fetched.len() as u64 <= rows + cut_off);
    let completed = check_results(&kept, rows);
    let first_events = first_events(&lines);
    let with_event: HashSet<u64> = first_events.keys().copied().collect();
    assert_eq!(with_event, completed);
    assert!(lines.len() as u64 <= completed.len() as u64 + cut_off);

    // A delay goes on while nobody waits: each of these processes was dead before one was over.
    assert!(events_under_fire > 0);
    // And it is not shortened: so many rows have an event, so many were fetched a delay before.
    let mut events: Vec<_> = first_events.into_values().collect();
    events.sort_unstable();
    for (event, request) in events.iter().zip(&fetched) {
        let waited = event.duration_since(request.at);
        assert!(waited >= DELAY, "{waited:?}");
    }
}

fn start(kept: &Kept, server: &Server, concurrency: u64) -> (Running, JoinHandle<Vec<Line>>) {
    let (url, concurrency) = (server.url(), format!("--concurrency={concurrency}"));
    let delay = format!("--delay={}ms", DELAY.as_millis());
    let arguments = [
        "--retries=0",
        "--url",
        &url,
        &concurrency,
        &delay,
        "-oresults.csv",
    ];
    let mut command = kept.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running::start_as_is_unread(command);
    let reader = read_events(running.child.stderr.take().unwrap());
    (running, reader)
}

/// Reads the lines on rows that were fetched.
fn read_events(stderr: ChildStderr) -> JoinHandle<Vec<Line>> {
    thread::spawn(move || {
        let lines = BufReader::new(stderr).lines();
        lines
            .map(|line| (Instant::now(), line.unwrap()))
            .filter(|(_, line)| line.starts_with("task "))
            .collect()
    })
}

/// When the event of each row came first.
fn first_events(lines: &[Line]) -> HashMap<u64, Instant> {
    let mut first = HashMap::new();
    for (at, line) in lines {
        let id = line.split(' ').nth(1).unwrap().parse().unwrap();
        first.entry(id).or_insert(*at);
    }
    first
}

/// Looks at a copy: to open the journal itself would mend it.
fn check_integrity(kept: &Kept) {
    let copy = tempfile::tempdir().unwrap();
    for name in ["run.db", "run.db-wal"] {
        if kept.path(name).exists() {
            fs::copy(kept.path(name), copy.path().join(name)).unwrap();
        }
    }
    if !copy.path().join("run.db").exists() {
        return;
    }
    let journal = Connection::open(copy.path().join("run.db")).unwrap();
    let said: String = journal
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
}

/// Every row has one result, in the order of the input. Gives the ids of those that completed.
fn check_results(kept: &Kept, rows: u64) -> HashSet<u64> {
    let results = fs::read_to_string(kept.path("results.csv")).unwrap();
    let mut completed = HashSet::new();
    let mut expected = 0..rows;
    for line in results.lines().skip(1) {
        let (id, outcome) = line.split_once(',').unwrap();
        assert_eq!(Some(id.parse().unwrap()), expected.next());
        match outcome {
            "Completed," => assert!(completed.insert(id.parse().unwrap())),
            _ => assert_eq!(outcome, "Failed,fetch_data: HTTP 404 Not Found (1 attempt)"),
        }
    }
    assert_eq!(expected.next(), None);
    completed
}

#[test]
fn a_delay_that_waits_on_disk_is_as_long_through_kills_as_without() {
    const LONG: Duration = Duration::from_secs(12);
    let server = Server::always(Answer::OK);
    let kept = Kept::with_rows(300);
    let url = server.url();
    let arguments = ["--url", &url, "--delay=12s", "-o=results.csv"];
    for life in [1_500, 400, 900] {
        let running = kept.start(&arguments);
        thread::sleep(Duration::from_millis(life));
        running.signal("KILL");
        assert_eq!(running.finish().events(), [""; 0]);
    }
    let done = kept.run(&arguments);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let ended = Instant::now();
    check_results(&kept, 300);
    let requests = server.requests();
    assert_eq!(requests.len(), 300);
    let waited = ended.duration_since(requests[0].at);
    // Neither shortened, nor begun anew by one of the processes.
    assert!(
        waited >= LONG && waited < LONG + Duration::from_millis(1_400),
        "{waited:?}"
    );
}

//! A run that can't be recorded any more.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::stream;
use orchestrator::{Orchestrator, Order, Task, TaskErrorKind, blueprint};

use crate::trace::Trace;
use crate::{Place, line, tasks, until_error};

/// Waits so many seconds; what its last step yields can't be written down if they are odd.
struct Unwritable;

#[blueprint]
impl Unwritable {
    #[delay]
    fn wait(&self, seconds: &u64) -> Duration {
        Duration::from_secs(*seconds)
    }

    #[step]
    async fn last(&self, seconds: u64) -> HashMap<(u64, u64), u64> {
        // JSON has no keys of that kind.
        let odd = seconds % 2 == 1;
        odd.then_some(((seconds, 0), 0)).into_iter().collect()
    }
}

/// Panics when it is written down.
#[derive(Debug)]
struct Panics;

impl serde::Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("not me")
    }
}

impl<'de> serde::Deserialize<'de> for Panics {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

struct Panicking;

#[blueprint]
impl Panicking {
    #[step]
    async fn only(&self, _: u8) -> Panics {
        Panics
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_written_stops_the_run() {
    let reason = "a value could not be read or written: panicked: not me";
    let place = Place::new();
    let orchestrator = place.orchestrator(Panicking).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks([1])));
    let (results, error) = until_error(&mut results).await;
    assert!(format!("{error:#}").contains(reason), "{error:#}");
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Cancelled);
    assert!(error.to_string().contains(reason), "{error}");
    drop(orchestrator);

    let orchestrator = place.orchestrator(Panicking).await;
    let error = orchestrator.execute_tasks(tasks([1])).await.unwrap_err();
    assert!(format!("{error:#}").contains(reason), "{error:#}");
}

#[tokio::test(start_paused = true)]
async fn results_are_not_held_up_by_tasks_that_are_left_on_disk() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Unwritable).await.order(Order::Input);
    let input = stream::iter(tasks([0, 60, 1, 2]));
    let mut results = orchestrator.execute_tasks_streaming(input);
    let (results, error) = until_error(&mut results).await;
    let lines: Vec<_> = results.iter().map(line).collect();
    assert_eq!(lines[0], "100 {}");
    assert!(
        lines[1].starts_with("102 Cancelled last: stopped: "),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("103 Cancelled"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains(&format!("{error:#}")), "{error:#}");
}

/// Waits a minute; a number that is not one is stored as `null`, which is not read back as a number.
struct Unreadable;

#[blueprint]
impl Unreadable {
    #[step]
    async fn first(&self, number: Option<f64>) -> f64 {
        number.unwrap_or(f64::NAN)
    }

    #[delay]
    fn wait(&self) -> Duration {
        Duration::from_secs(60)
    }

    #[step]
    async fn last(&self, number: f64) -> f64 {
        number
    }
}

#[tokio::test(start_paused = true)]
async fn execute_tasks_returns_an_error_when_a_state_cannot_be_read_back() {
    let place = Place::new();
    let input = tasks([Some(1.0), None, Some(2.0), Some(3.0)]);
    // The run ends in the same way when its journal is opened again.
    for _ in 0..2 {
        let orchestrator = place.orchestrator(Unreadable).await;
        let run = orchestrator.execute_tasks(input.clone());
        let error = run.await.unwrap_err().to_string();
        let reason =
            "task 101 waits for `last` in the journal with a value that this program can't read";
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn recv_returns_an_error_when_a_state_cannot_be_read_back() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Unreadable).await;
    let input = stream::iter(tasks([Some(1.0), None, Some(2.0), Some(3.0)]));
    let mut results = orchestrator.execute_tasks_streaming(input);
    let (_, error) = until_error(&mut results).await;
    assert!(error.to_string().contains("task 101"), "{error}");
}

/// Makes the journal refuse records that fulfil this condition, as a disk would.
fn fail(place: &Place, when: &str) {
    let journal = rusqlite::Connection::open(place.path()).unwrap();
    let trigger = format!(
        "CREATE TRIGGER broken BEFORE INSERT ON log WHEN {when} BEGIN SELECT RAISE(ABORT, 'disk'); END"
    );
    journal.busy_timeout(Duration::from_secs(5)).unwrap();
    journal.execute_batch(&trigger).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_had_completed_when_the_disk_failed_is_delivered() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    fail(&place, "NEW.ordinal + NEW.id = 102 AND NEW.at = 1");
    let input = stream::iter(tasks([60_000, 0, 5_000]));
    let mut results = orchestrator
        .order(Order::Input)
        .execute_tasks_streaming(input);
    let (results, error) = until_error(&mut results).await;
    let lines: Vec<_> = results.iter().map(line).collect();
    assert_eq!(lines[0], "101 \"waited 0\"");
    assert!(
        lines[1].starts_with("102 Cancelled last: stopped: "),
        "{lines:?}"
    );
    assert!(lines[1].contains("run.db"), "{lines:?}");
    assert!(error.to_string().contains("run.db"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_broke_goes_on_when_the_disk_is_well_again() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    fail(&place, "NEW.ordinal + NEW.id = 101 AND NEW.at = 1");
    let input = tasks([60_000, 0, 5_000, 1]);
    orchestrator.execute_tasks(input.clone()).await.unwrap_err();
    drop(orchestrator);
    let journal = rusqlite::Connection::open(place.path()).unwrap();
    journal.execute_batch("DROP TRIGGER broken").unwrap();
    drop(journal);
    let results = place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(input)
        .await
        .unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_cannot_be_recorded_ends_the_run() {
    let place = Place::new();
    let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(4);
    tokio::time::sleep(Duration::from_millis(1)).await;
    fail(&place, "TRUE");
    let error = sender.send(Task::new(1, 7)).await.unwrap_err();
    assert_eq!(error.0.input, 7);
    // Though the sender is still there.
    let stopped_by = results.stopped_by().unwrap().to_string();
    assert_eq!(results.recv().await.unwrap_err().to_string(), stopped_by);
    drop(sender);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_breaks_at_any_time_gives_no_result_twice_and_none_that_is_not_on_disk() {
    for _ in 0..12 {
        let place = Place::new();
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(place.open().await)
            .unwrap()
            .concurrency(fastrand::usize(1..50));
        let input = (0..3_000).map(|id| {
            let delay = [0, 30, 60_000, 1][usize::try_from(id % 4).unwrap()];
            Task::new(id, delay)
        });
        let mut results = orchestrator.execute_tasks_streaming(stream::iter(input));
        let after = Duration::from_micros(fastrand::u64(..20_000));
        let breaking = async {
            tokio::time::sleep(after).await;
            tokio::task::block_in_place(|| fail(&place, "TRUE"));
        };
        let receiving = async {
            let (mut ordinals, mut completed) = (HashSet::new(), Vec::new());
            // If all but those that wait on disk have ended, there is nothing left to break.
            while ordinals.len() < 2_250
                && let Ok(result) = results.recv().await
            {
                let result = result.expect("an error before the end");
                assert!(ordinals.insert(result.ordinal), "{} twice", result.ordinal);
                if result.outcome.is_ok() {
                    completed.push(result.ordinal);
                }
            }
            completed
        };
        let ((), completed) = tokio::join!(breaking, receiving);
        drop((results, orchestrator));
        drop(place.open().await);
        let journal = rusqlite::Connection::open(place.path()).unwrap();
        let mut is_there = journal
            .prepare("SELECT COUNT(*) FROM newest WHERE ordinal = ?1 AND stage = 1")
            .unwrap();
        for ordinal in completed.iter().take(20) {
            let ordinal = ordinal.cast_signed();
            let count: i64 = is_there.query_row([ordinal], |row| row.get(0)).unwrap();
            assert_eq!(count, 1, "{ordinal}");
        }
    }
}

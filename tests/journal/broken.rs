//! A run that can't be recorded any more.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream;
use orchestrator::{Order, TaskErrorKind, blueprint};

use crate::{Place, line, tasks};

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
    let place = Place::new();
    let results = place
        .orchestrator(Panicking)
        .await
        .execute_tasks(tasks([1]))
        .await;
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Cancelled);
    assert!(
        error
            .to_string()
            .contains("a value could not be written down: panicked: not me"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn results_are_not_held_up_by_tasks_that_are_left_on_disk() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Unwritable).await.order(Order::Input);
    let input = stream::iter(tasks([0, 60, 1, 2]));
    let mut results = orchestrator.execute_tasks_streaming(input);
    let mut lines = Vec::new();
    while let Some(result) = results.recv().await {
        lines.push(line(&result));
    }
    assert_eq!(lines[0], "100 {}");
    assert!(
        lines[1].starts_with("102 Cancelled last: stopped: "),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("103 Cancelled"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
    assert!(results.stopped_by().is_some());
}

//! What anybody may ask of a journal.

use std::time::{Duration, SystemTime};

use futures_util::stream;
use orchestrator::{Journal, Orchestrator, TaskErrorKind};

use crate::trace::Trace;
use crate::{Place, tasks};

#[tokio::test(start_paused = true)]
async fn it_says_where_tasks_are_while_the_run_is_under_way() {
    let place = Place::new();
    let journal = place
        .journal()
        .await
        .fact("url", "offline")
        .at(SystemTime::now());
    let orchestrator = Orchestrator::new(Trace::holding())
        .journal(journal)
        .unwrap();
    let inputs = [0, -1, -1, 3_600_000, 3_600_000];
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(inputs)));
    tokio::time::sleep(Duration::from_secs(1)).await;

    let status = Journal::status(place.path()).unwrap();
    assert_eq!(status.blueprint, "Trace");
    assert_eq!(status.facts, [("url".to_owned(), "offline".to_owned())]);
    assert!(status.finished.is_none());
    assert_eq!((status.completed, status.failed), (0, 2));
    let last = status
        .steps
        .iter()
        .find(|step| step.step == "last")
        .unwrap();
    assert_eq!((last.ready, last.waiting), (1, 2));
    let [failure] = &status.failures[..] else {
        panic!("{:?}", status.failures);
    };
    assert_eq!(failure.kind, TaskErrorKind::Failed);
    assert_eq!(
        (failure.message.as_str(), failure.tasks),
        ("minus one was given", 2)
    );
    let [(at, 2)] = status.wakes[..] else {
        panic!("{:?}", status.wakes);
    };
    let left = at.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(3_500), "{left:?}");
    drop(results);
}

#[tokio::test(start_paused = true)]
async fn it_counts_all_that_go_on_in_a_second() {
    let place = Place::new();
    let begin = SystemTime::now();
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(place.journal().await.at(begin))
        .unwrap();
    let inputs = (0..600).map(|task| 3_600_000 + 7 * task);
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(inputs)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let wakes = Journal::status(place.path()).unwrap().wakes;
    assert!((5..=6).contains(&wakes.len()), "{wakes:?}");
    assert_eq!(wakes.iter().map(|(_, tasks)| tasks).sum::<u64>(), 600);
    drop(results);
}

#[tokio::test(start_paused = true)]
async fn it_says_when_a_run_was_finished() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0, -1]))
        .await
        .unwrap();
    let status = Journal::status(place.path()).unwrap();
    assert!(status.finished.is_some() && status.taken.is_some());
    assert_eq!((status.completed, status.failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn it_has_the_name_that_keys_begin_with() {
    let (place, trace) = (Place::new(), Trace::default());
    assert_eq!(place.journal().await.finished(), None);
    place
        .orchestrator(trace.clone())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    let status = Journal::status(place.path()).unwrap();
    assert_eq!(trace.keys()[0], format!("{}/0/first", status.run));
}

#[test]
fn there_is_none_without_a_journal() {
    let place = Place::new();
    let error = Journal::status(place.path()).unwrap_err();
    assert!(
        error.to_string().contains("there is no journal at"),
        "{error}"
    );
}

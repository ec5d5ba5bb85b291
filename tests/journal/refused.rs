//! What can't be gone on with, and what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use orchestrator::{Orchestrator, StepContext, Task, TaskErrorKind, blueprint};

use crate::trace::Trace;
use crate::{Place, tasks, until_error};

struct Other;

#[blueprint]
impl Other {
    #[step]
    async fn first(&self, input: i64) -> i64 {
        input
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_another_blueprint_is_refused() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    let error = Orchestrator::new(Other)
        .journal(place.journal().await)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("belongs to the blueprint `Trace`, not to `Other`"),
        "{error}"
    );
    assert_eq!(error.path().file_name(), place.path().file_name());
}

#[tokio::test(start_paused = true)]
async fn a_fact_that_differs_is_refused() {
    let place = Place::new();
    let journal = place.journal().await.fact("the input", "abc");
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap();
    orchestrator.execute_tasks(tasks([0])).await.unwrap();
    drop(orchestrator);
    let journal = place.journal().await.fact("the input", "abd");
    let error = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("was begun with the input `abc`, and now it is `abd`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_in_use_is_refused() {
    let place = Place::new();
    let _orchestrator = place.orchestrator(Trace::default()).await;
    let error = orchestrator::Journal::open(place.path()).unwrap_err();
    assert!(error.is_locked());
    assert!(
        error.to_string().contains("is in use by another run"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_input_with_another_task_stops_the_run() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0, 1]))
        .await
        .unwrap();
    let again = Trace::default();
    let orchestrator = place.orchestrator(again.clone()).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(another_input()));
    let (results, error) = until_error(&mut results).await;
    let kinds = results
        .into_iter()
        .map(|result| result.outcome.err().map(|error| error.kind()));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [None, Some(TaskErrorKind::Cancelled)]
    );
    assert!(error.to_string().contains(ANOTHER_TASK), "{error}");
    assert_eq!(again.runs(), [""; 0]);
}

/// Why a run with [`another_input`] is stopped.
const ANOTHER_TASK: &str =
    "the input has task 7 in place 1 (from 0), where the journal has task 101";

/// The tasks 100 and 7.
fn another_input() -> [Task<i64>; 2] {
    [Task::new(100, 0), Task::new(7, 1)]
}

/// A journal of a finished run of the tasks 100 and 101.
async fn finished() -> Place {
    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    orchestrator.execute_tasks(tasks([0, 1])).await.unwrap();
    place
}

#[tokio::test(start_paused = true)]
async fn execute_tasks_returns_an_error_when_the_input_has_another_task() {
    let place = finished().await;
    let orchestrator = place.orchestrator(Trace::default()).await;
    let error = orchestrator
        .execute_tasks(another_input())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(ANOTHER_TASK), "{error}");
}

#[tokio::test(start_paused = true)]
async fn recv_returns_the_same_error_again_when_the_input_has_another_task() {
    let place = finished().await;
    let orchestrator = place.orchestrator(Trace::default()).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(another_input()));
    let (before, error) = until_error(&mut results).await;
    assert_eq!(before.len(), 2);
    assert!(error.to_string().contains(ANOTHER_TASK), "{error}");
    for _ in 0..2 {
        let again = results.recv().await.unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_one_error_when_the_input_has_another_task() {
    let place = finished().await;
    let orchestrator = place.orchestrator(Trace::default()).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(another_input()));
    for _ in 0..2 {
        assert!(results.next().await.unwrap().is_ok());
    }
    let error = results.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains(ANOTHER_TASK), "{error}");
    for _ in 0..2 {
        assert!(results.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_shorter_stops_the_run() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0, 1]))
        .await
        .unwrap();
    let orchestrator = place.orchestrator(Trace::default()).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks([0])));
    let (_, error) = until_error(&mut results).await;
    let reason = error.to_string();
    assert!(reason.contains("the input ends after 1 tasks"), "{reason}");
}

/// A step that takes as many milliseconds as its input says. Counts how often it was begun.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicUsize>);

#[blueprint]
impl Slow {
    #[step]
    async fn only(&self, millis: u64) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        millis
    }
}

/// A run of three tasks that was killed while the last one was executing.
async fn killed() -> Place {
    let place = Place::new();
    let orchestrator = place.orchestrator(Slow::default()).await;
    let input = tasks([1, 2, 60_000]);
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(input));
    for _ in 0..2 {
        results.recv().await.unwrap().unwrap();
    }
    place
}

/// Why a run is refused that resumes with these tasks, and how many steps it began.
async fn resumed_with(place: &Place, input: Vec<Task<u64>>) -> (String, usize) {
    let slow = Slow::default();
    let orchestrator = place.orchestrator(slow.clone()).await;
    let error = orchestrator.execute_tasks(input).await.unwrap_err();
    (error.to_string(), slow.0.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_resumed_with_the_same_inputs_in_another_order() {
    let place = killed().await;
    // Their ids count the places, as ids that are made while reading do.
    let (error, steps) = resumed_with(&place, tasks([2, 1, 60_000])).await;
    let expected = "the input has task 100 in place 0 (from 0) with another value or id than the journal has: run with the input that the journal was begun with (a value with a `HashMap` or `HashSet` is another one in each process: use a `BTreeMap`)";
    assert_eq!((error.as_str(), steps), (expected, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_resumed_with_a_changed_input_of_a_completed_task() {
    let place = killed().await;
    let (error, _) = resumed_with(&place, tasks([1, 3, 60_000])).await;
    assert!(
        error.contains("task 101 in place 1 (from 0) with another value"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_resumed_with_a_changed_input_of_a_task_whose_first_step_was_executing() {
    let place = killed().await;
    let (error, steps) = resumed_with(&place, tasks([1, 2, 60_001])).await;
    assert!(
        error.contains("task 102 in place 2 (from 0) with another value"),
        "{error}"
    );
    assert_eq!(steps, 0);
}

#[tokio::test(start_paused = true)]
async fn the_input_of_a_lone_task_is_known_while_its_first_step_executes() {
    let place = Place::new();
    {
        let orchestrator = place.orchestrator(Slow::default()).await;
        let _results = orchestrator.execute_tasks_streaming(stream::iter(tasks([60_000])));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (error, steps) = resumed_with(&place, tasks([60_001])).await;
    assert!(error.contains("task 100 in place 0"), "{error}");
    assert_eq!(steps, 0);
    let (error, _) = resumed_with(&place, Vec::new()).await;
    assert!(error.contains("the input ends after 0 tasks"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn changed_inputs_that_are_accepted_run_where_nothing_is_recorded() {
    let place = killed().await;
    for _ in 0..2 {
        let journal = place.journal().await.accept_changed_inputs();
        let orchestrator = Orchestrator::new(Slow::default()).journal(journal).unwrap();
        let results = orchestrator.execute_tasks(tasks([1, 9, 5])).await.unwrap();
        let outputs = results
            .iter()
            .map(|result| *result.outcome.as_ref().unwrap());
        assert_eq!(outputs.collect::<Vec<_>>(), [1, 2, 5]);
    }
    // They are the run's inputs from then on.
    let (error, _) = resumed_with(&place, tasks([1, 2, 5])).await;
    assert!(
        error.contains("task 101 in place 1 (from 0) with another value"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_resumed_with_another_task_in_a_recorded_place() {
    let place = killed().await;
    let mut input = tasks([1, 2, 60_000]);
    input[1].id = 7.into();
    let (error, _) = resumed_with(&place, input).await;
    assert!(
        error.contains("task 7 in place 1 (from 0), where the journal has task 101"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_for_its_input_is_resumed_with_the_right_one() {
    let place = killed().await;
    resumed_with(&place, tasks([1, 3, 60_000])).await;
    let orchestrator = place.orchestrator(Slow::default()).await;
    let results = orchestrator.execute_tasks(tasks([1, 2, 60_000])).await;
    assert_eq!(results.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn tasks_at_hand_that_are_too_few_run_not_at_all() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0, 1]))
        .await
        .unwrap();
    drop(place.open().await);
    let bytes = std::fs::read(place.path()).unwrap();
    let error = place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("the input ends after 1 tasks"), "{error}");
    drop(place.open().await);
    assert!(bytes == std::fs::read(place.path()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn of_two_facts_of_one_name_the_later_counts() {
    let place = Place::new();
    let journal = place.journal().await.fact("a", "1").fact("a", "2");
    drop(
        Orchestrator::new(Trace::default())
            .journal(journal)
            .unwrap(),
    );
    let journal = place.journal().await.fact("a", "2");
    assert!(Orchestrator::new(Trace::default()).journal(journal).is_ok());
}

#[tokio::test(start_paused = true)]
async fn tasks_that_were_sent_are_not_read() {
    let place = Place::new();
    {
        let (sender, _results) = place.orchestrator(Trace::default()).await.channel(1);
        sender.send(Task::new(1, 0)).await.unwrap();
    }
    let error = place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("go on by `resume` or `channel`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_were_read_are_not_resumed_without_their_input() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    let mut results = place.orchestrator(Trace::default()).await.resume();
    let reason = results.recv().await.unwrap_err().to_string();
    assert!(reason.contains("with the same input"), "{reason}");
}

/// A later version of [`Before`].
mod versions {
    use std::time::Duration;

    use super::*;

    pub(crate) struct Before;

    #[blueprint(name = "versioned")]
    impl Before {
        #[step]
        async fn first(&self, input: u8) -> String {
            input.to_string()
        }

        #[delay]
        fn pause(&self) -> Duration {
            Duration::from_secs(5)
        }

        #[step]
        async fn last(&self, text: String) -> String {
            text
        }
    }

    /// The value at `last` is of another type.
    pub(crate) struct Unreadable;

    #[blueprint(name = "versioned")]
    impl Unreadable {
        #[step]
        async fn first(&self, input: u8) -> u8 {
            input
        }

        #[delay]
        fn pause(&self) -> Duration {
            Duration::from_secs(5)
        }

        #[step]
        async fn last(&self, number: u8) -> String {
            number.to_string()
        }
    }

    /// It has one step more, and one that goes by another name.
    pub(crate) struct Grown;

    #[blueprint(name = "versioned")]
    impl Grown {
        #[step]
        async fn first(&self, input: u8) -> String {
            input.to_string()
        }

        #[delay]
        fn pause(&self) -> Duration {
            Duration::from_secs(5)
        }

        #[step]
        async fn before_last(&self, text: String) -> String {
            format!("{text}, late")
        }

        #[step(name = "last")]
        async fn the_end(&self, text: String, _cx: &StepContext) -> String {
            format!("{text}, renamed")
        }
    }

    /// The step that tasks wait for is gone.
    pub(crate) struct Shrunk;

    #[blueprint(name = "versioned")]
    impl Shrunk {
        #[step]
        async fn first(&self, input: u8) -> String {
            input.to_string()
        }

        #[delay]
        fn pause(&self) -> Duration {
            Duration::from_secs(5)
        }
    }
}

/// A journal with a task that waits for `last`.
async fn begun() -> Place {
    let place = Place::new();
    let orchestrator = place.orchestrator(versions::Before).await;
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks([7])));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    drop((results, orchestrator));
    place
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_read_stops_the_run_and_fails_no_task() {
    let place = begun().await;
    let reason =
        "task 100 waits for `last` in the journal with a value that this program can't read";
    let orchestrator = place.orchestrator(versions::Unreadable).await;
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks([7])));
    let (results, error) = until_error(&mut results).await;
    assert!(error.to_string().contains(reason), "{error}");
    let kinds = results
        .iter()
        .map(|result| result.outcome.as_ref().unwrap_err().kind());
    assert_eq!(kinds.collect::<Vec<_>>(), [TaskErrorKind::Cancelled]);
    drop(orchestrator);
    let error = place
        .orchestrator(versions::Unreadable)
        .await
        .execute_tasks(tasks([7]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
    // It is still there for the program that can.
    let results = place
        .orchestrator(versions::Before)
        .await
        .execute_tasks(tasks([7]))
        .await
        .unwrap();
    assert_eq!(results[0].outcome.as_ref().unwrap(), "7");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_new_or_renamed_keeps_tasks_on_their_way() {
    let place = begun().await;
    let results = place
        .orchestrator(versions::Grown)
        .await
        .execute_tasks(tasks([7, 8]))
        .await
        .unwrap();
    let outputs: Vec<_> = results
        .iter()
        .map(|result| result.outcome.as_ref().unwrap())
        .collect();
    assert_eq!(outputs, ["7, renamed", "8, late, renamed"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_gone_is_refused_with_the_tasks_that_wait_for_it() {
    let place = begun().await;
    let error = Orchestrator::new(versions::Shrunk)
        .journal(place.journal().await)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("1 task waits for `last`"), "{text}");
    assert!(text.contains("ids 100"), "{text}");
}

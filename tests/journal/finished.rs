//! A run that comes to its end, and is opened again.

use std::time::{Duration, SystemTime};

use orchestrator::{Journal, Orchestrator};

use crate::trace::Trace;
use crate::{Place, line, tasks};

#[tokio::test(start_paused = true)]
async fn a_durable_run_gives_what_one_in_memory_gives() {
    let place = Place::new();
    let inputs = [0, 5, -1, -2, 20_000];
    let durable = place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks(inputs))
        .await
        .unwrap();
    let in_memory = orchestrator::Orchestrator::new(Trace::default())
        .execute_tasks(tasks(inputs))
        .await
        .unwrap();
    let lines = |results: &[_]| results.iter().map(line).collect::<Vec<_>>();
    assert_eq!(lines(&durable), lines(&in_memory));
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_runs_nothing_again_and_marks_its_results() {
    let place = Place::new();
    let inputs = [0, -1, -2, 7];
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks(inputs))
        .await
        .unwrap();

    let again = Trace::default();
    let results = place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks(inputs))
        .await
        .unwrap();
    assert_eq!(again.runs(), [""; 0]);
    let lines: Vec<_> = results.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "100 \"waited 0\" (replayed)",
            "101 Failed first: minus one was given (1 attempt) (replayed)",
            "102 Panicked first: panicked: minus two (1 attempt) (replayed)",
            "103 \"waited 7\" (replayed)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_of_this_run_is_not_marked() {
    let place = Place::new();
    let results = place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    assert!(!results[0].replayed);
}

/// Fails on its first attempt in this process at task 1, if it is asked to.
#[derive(Clone)]
struct Moody {
    fails: bool,
}

#[orchestrator::blueprint]
impl Moody {
    #[step]
    async fn only(&self, number: u8) -> anyhow::Result<u8> {
        anyhow::ensure!(number != 1 || !self.fails, "no");
        Ok(number)
    }
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_run_again_if_asked_for() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Moody { fails: true }).await;
    orchestrator.execute_tasks(tasks([0, 1, 2])).await.unwrap();
    drop(orchestrator);

    let journal = place.journal().await.retry_failed();
    let orchestrator = orchestrator::Orchestrator::new(Moody { fails: false })
        .journal(journal)
        .unwrap();
    let results = orchestrator.execute_tasks(tasks([0, 1, 2])).await.unwrap();
    let lines: Vec<_> = results.iter().map(line).collect();
    assert_eq!(lines, ["100 0 (replayed)", "101 1", "102 2 (replayed)"]);
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_keeps_the_time_at_which_it_was_finished() {
    let place = Place::new();
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let finished = async |later: u64, inputs: &[i64]| {
        let journal = place.journal().await.at(begin + Duration::from_secs(later));
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(journal)
            .unwrap();
        orchestrator
            .execute_tasks(tasks(inputs.to_vec()))
            .await
            .unwrap();
        let finished = Journal::status(place.path()).unwrap().finished;
        drop(orchestrator);
        assert_eq!(place.open().await.finished(), finished);
        finished.unwrap()
    };
    assert_eq!(finished(0, &[0]).await, begin);
    assert_eq!(finished(60, &[0]).await, begin);
    assert_eq!(finished(90, &[0]).await, begin);
    // One that ran something has another time.
    assert_eq!(
        finished(120, &[0, 0]).await,
        begin + Duration::from_secs(120)
    );
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_that_runs_on_is_not_finished_meanwhile() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    let orchestrator = place.orchestrator(Trace::default()).await;
    let results =
        orchestrator.execute_tasks_streaming(futures_util::stream::iter(tasks([0, 60_000])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(Journal::status(place.path()).unwrap().finished, None);
    drop(results);
}

#[tokio::test(start_paused = true)]
async fn a_longer_input_may_follow_a_shorter_one() {
    let place = Place::new();
    place
        .orchestrator(Trace::default())
        .await
        .execute_tasks(tasks([0]))
        .await
        .unwrap();
    let again = Trace::default();
    let results = place
        .orchestrator(again.clone())
        .await
        .execute_tasks(tasks([0, 1]))
        .await
        .unwrap();
    assert_eq!(again.runs(), ["1.first", "1.last"]);
    assert_eq!(results.len(), 2);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a journal is of one run")]
async fn a_journal_is_of_one_run() {
    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    orchestrator.execute_tasks(tasks([0])).await.unwrap();
    orchestrator.execute_tasks(tasks([0])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_input_panicked_is_not_finished() {
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    let place = Place::new();
    let orchestrator = place.orchestrator(Trace::default()).await;
    let input = stream::iter(0..3).map(|number| {
        assert!(number < 2, "no third");
        orchestrator::Task::new(number, 0)
    });
    let mut results = orchestrator.execute_tasks_streaming(input);
    for _ in 0..2 {
        results.recv().await.unwrap().unwrap();
    }
    let end = std::panic::AssertUnwindSafe(results.recv())
        .catch_unwind()
        .await;
    assert!(end.is_err());
    assert_eq!(Journal::status(place.path()).unwrap().finished, None);
}

struct Floats;

#[orchestrator::blueprint]
impl Floats {
    #[step]
    async fn only(&self, number: f64) -> f64 {
        number
    }
}

#[tokio::test(start_paused = true)]
async fn floats_come_back_as_they_were() {
    let place = Place::new();
    let mut random = fastrand::Rng::with_seed(7);
    let numbers: Vec<f64> = (0..1_000).map(|_| random.f64() * 1e10).collect();
    for _ in 0..2 {
        let results = place
            .orchestrator(Floats)
            .await
            .execute_tasks(tasks(numbers.clone()))
            .await
            .unwrap();
        for (result, number) in results.iter().zip(&numbers) {
            assert_eq!(result.outcome.as_ref().unwrap().to_bits(), number.to_bits());
        }
    }
}

//! With real time, several threads, and the thread that commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream;
use orchestrator::{Journal, Orchestrator, Task};

use crate::trace::Trace;
use crate::{Place, tasks};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_tasks_end_and_are_there_again() {
    let place = Place::new();
    let inputs: Vec<i64> = (0..5_000).map(|number| number % 20).collect();
    for run in 0..2 {
        let journal = place.open().await;
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(journal)
            .unwrap();
        let results = orchestrator
            .execute_tasks(tasks(inputs.clone()))
            .await
            .unwrap();
        assert_eq!(results.len(), inputs.len());
        for (result, input) in results.iter().zip(&inputs) {
            assert_eq!(result.outcome.as_ref().unwrap(), &format!("waited {input}"));
            assert_eq!(result.replayed, run == 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_that_are_cut_off_come_to_an_end() {
    let place = Place::new();
    let inputs: Vec<i64> = (0..300).map(|number| number % 10).collect();
    let trace = Trace::default();
    for round in 0..40 {
        let journal = place.open().await;
        let orchestrator = Orchestrator::new(trace.clone())
            .journal(journal)
            .unwrap()
            .concurrency(16);
        let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks(inputs.clone())));
        let most = if round == 39 {
            inputs.len()
        } else {
            fastrand::usize(..60)
        };
        let mut ended = 0;
        while ended < most && results.recv().await.unwrap().is_some() {
            ended += 1;
        }
        drop(results);
    }
    let firsts = trace
        .runs()
        .iter()
        .filter(|run| run.ends_with("first"))
        .count();
    // Begun twice were at most those whose result was not on disk at a cut.
    assert!((300..300 + 40 * 16).contains(&firsts), "{firsts}");
    let status = Journal::status(place.path()).unwrap();
    assert_eq!(status.completed, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_are_sent_from_several_places_are_all_there() {
    let place = Place::new();
    {
        let journal = place.open().await;
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(journal)
            .unwrap();
        let (sender, results) = orchestrator.channel(64);
        let sending: Vec<_> = (0..8)
            .map(|part| {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for number in 0..25 {
                        sender
                            .send(Task::new(part * 100 + number, 0))
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for part in sending {
            part.await.unwrap();
        }
        drop(results);
    }
    let journal = place.open().await;
    let mut results = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap()
        .resume();
    let mut ids = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        assert!(result.outcome.is_ok());
        ids.push(result.id.0);
    }
    ids.sort_unstable();
    let expected: Vec<_> = (0..8)
        .flat_map(|part| (0..25).map(move |it| part * 100 + it))
        .collect();
    assert_eq!(ids, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_a_journal_sees_how_it_stands_whatever_is_done_to_it_just_now() {
    let place = Place::new();
    // From here on there is one.
    drop(place.orchestrator(Trace::default()).await);
    let (path, ended) = (place.path(), Arc::new(AtomicBool::new(false)));
    let looking = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            let mut seen = 0;
            while !ended.load(Ordering::Relaxed) {
                let status = Journal::status(&path).unwrap();
                assert!(status.completed >= seen);
                seen = status.completed;
            }
        }
    });
    // It is opened and closed again and again, and grows.
    for round in 1..60 {
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(place.open().await)
            .unwrap();
        orchestrator
            .execute_tasks(tasks(vec![0; round * 50]))
            .await
            .unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    looking.join().unwrap();
}

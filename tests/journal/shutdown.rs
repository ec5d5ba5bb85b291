//! A durable run that is shut down, with tasks everywhere.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream;
use orchestrator::{Orchestrator, Order, Task};
use tokio_util::sync::CancellationToken;

use crate::Place;
use crate::trace::Trace;

/// Cancels it after some milliseconds, so many at most.
fn cancel_within(millis: u64) -> CancellationToken {
    let token = CancellationToken::new();
    let after = Duration::from_micros(fastrand::u64(..millis * 1_000));
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        cancelled.cancel();
    });
    token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_task_that_waits_on_disk_gives_one_result() {
    for _ in 0..10 {
        let place = Place::new();
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(place.open().await)
            .unwrap()
            .shutdown(cancel_within(60));
        let input = stream::iter((0..10_000).map(|id| Task::new(id, 3_600_000)));
        let mut results = orchestrator.execute_tasks_streaming(input);
        let mut ordinals = HashSet::new();
        while let Some(result) = results.recv().await.unwrap() {
            assert!(ordinals.insert(result.ordinal), "{} twice", result.ordinal);
        }
        let last = ordinals.iter().max().map_or(0, |last| last + 1);
        assert_eq!(ordinals.len() as u64, last);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_that_are_all_at_hand_all_give_a_result() {
    for _ in 0..5 {
        let place = Place::new();
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(place.open().await)
            .unwrap()
            .shutdown(cancel_within(60));
        let input = (0..10_000).map(|id| Task::new(id, 3_600_000));
        assert_eq!(
            orchestrator.execute_tasks(input).await.unwrap().len(),
            10_000
        );
    }
}

/// Senders, ids that come again, shutdowns and dropped results, over four processes; the last one is left
/// alone.
async fn rounds(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let place = Place::new();
    let (is_unique, in_order) = (random.bool(), random.bool());
    let order = if in_order {
        Order::Input
    } else {
        Order::Completion
    };
    let mut sent = HashSet::new();
    for round in 0..4_u64 {
        let is_last = round == 3;
        let mut journal = place.open().await;
        if is_unique {
            journal = journal.unique_ids();
        }
        let token = if is_last {
            CancellationToken::new()
        } else {
            cancel_within(20)
        };
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(journal)
            .unwrap()
            .window(random.usize(20..60))
            .concurrency(random.usize(1..8))
            .grace(Duration::from_millis(random.u64(..5)))
            .order(order)
            .shutdown(token);
        let (sender, mut results) = orchestrator.channel(random.usize(1..8));
        let sending: Vec<_> = (0..4)
            .map(|part| {
                let (sender, mut random) = (sender.clone(), random.fork());
                tokio::spawn(async move {
                    let mut sent = Vec::new();
                    for number in 0..10 {
                        let comes_again = is_unique && random.u8(..4) == 0;
                        let new = 1_000 + round * 100 + part * 10 + number;
                        let (id, input) = if comes_again {
                            (part, 3)
                        } else {
                            (new, random.i64(-1..5))
                        };
                        if sender.send(Task::new(id, input)).await.is_err() {
                            break;
                        }
                        sent.push(id);
                    }
                    sent
                })
            })
            .collect();
        drop(sender);
        let (mut ordinals, mut ids) = (HashSet::new(), HashSet::new());
        let receiving = async {
            while let Some(result) = results.recv().await.unwrap() {
                assert!(
                    ordinals.insert(result.ordinal),
                    "{} twice, seed {seed}",
                    result.ordinal
                );
                ids.insert(result.id.0);
            }
        };
        if !is_last && random.bool() {
            let time = Duration::from_micros(random.u64(..10_000));
            let _ = tokio::time::timeout(time, receiving).await;
        } else {
            receiving.await;
        }
        drop(results);
        for part in sending {
            sent.extend(part.await.unwrap());
        }
        if is_last {
            assert!(sent.is_subset(&ids), "lost, seed {seed}");
            let last = ordinals.iter().max().map_or(0, |last| last + 1);
            assert_eq!(ordinals.len() as u64, last, "a gap, seed {seed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_that_was_sent_is_lost_whatever_ends_the_runs() {
    for _ in 0..40 {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        rounds(seed).await;
    }
}

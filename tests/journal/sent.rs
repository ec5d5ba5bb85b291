//! Tasks that are sent: their inputs are in the journal alone.

use std::time::Duration;

use crate::trace::Trace;
use crate::{Place, line};
use orchestrator::{Orchestrator, Order, Task};

#[tokio::test(start_paused = true)]
async fn a_task_is_on_disk_when_send_returns() {
    let place = Place::new();
    {
        let (sender, results) = place
            .orchestrator(Trace::holding())
            .await
            .concurrency(1)
            .channel(10);
        for id in 0..5 {
            sender.send(Task::new(id, 0)).await.unwrap();
        }
        drop(results);
    }
    let again = Trace::default();
    let mut results = place.orchestrator(again.clone()).await.resume();
    let mut lines = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        lines.push(line(&result));
    }
    lines.sort();
    let expected: Vec<_> = (0..5).map(|id| format!("{id} \"waited 0\"")).collect();
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn more_may_be_sent_to_a_run_that_is_gone_on_with() {
    let place = Place::new();
    {
        let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(10);
        sender.send(Task::new(1, 0)).await.unwrap();
        sender.send(Task::new(2, 50_000)).await.unwrap();
        assert_eq!(results.recv().await.unwrap().unwrap().id.0, 1);
    }
    let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(10);
    sender.send(Task::new(3, 5)).await.unwrap();
    drop(sender);
    let mut got = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        got.push((result.ordinal, line(&result)));
    }
    assert_eq!(
        got,
        [
            (0, "1 \"waited 0\" (replayed)".to_owned()),
            (2, "3 \"waited 5\"".to_owned()),
            (1, "2 \"waited 50000\"".to_owned()),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_of_sent_tasks_gives_its_results_again() {
    let place = Place::new();
    for _ in 0..2 {
        let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(1);
        drop(sender);
        assert!(results.recv().await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_sending_may_have_sent() {
    let place = Place::new();
    let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(1);
    {
        let mut send = std::pin::pin!(sender.send(Task::new(1, 0)));
        let _ = futures_util::FutureExt::now_or_never(&mut send);
    }
    sender.send(Task::new(2, 0)).await.unwrap();
    drop(sender);
    let mut ordinals = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        ordinals.push(result.ordinal);
    }
    ordinals.sort_unstable();
    assert_eq!(ordinals, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn sending_to_a_run_that_is_over_gives_the_task_back() {
    let place = Place::new();
    let (sender, results) = place.orchestrator(Trace::default()).await.channel(1);
    drop(results);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let error = sender.send(Task::new(1, 7)).await.unwrap_err();
    assert_eq!(error.0.input, 7);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_failed_stay_failed_whatever_is_asked_for() {
    let place = Place::new();
    {
        let (sender, mut results) = place.orchestrator(Trace::default()).await.channel(4);
        for input in [-1, 0] {
            sender.send(Task::new(1, input)).await.unwrap();
        }
        drop(sender);
        while results.recv().await.unwrap().is_some() {}
    }
    let journal = place.journal().await.retry_failed();
    let mut results = Orchestrator::new(Trace::default())
        .journal(journal)
        .unwrap()
        .resume();
    let mut count = 0;
    while let Some(result) = results.recv().await.unwrap() {
        assert!(result.replayed);
        count += 1;
    }
    assert_eq!(count, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_and_a_small_window_come_to_an_end_in_order() {
    for _ in 0..5 {
        let place = Place::new();
        let orchestrator = Orchestrator::new(Trace::default())
            .journal(place.open().await)
            .unwrap();
        let (sender, mut results) = orchestrator.window(4).order(Order::Input).channel(64);
        for part in 0..64 {
            let sender = sender.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    sender
                        .send(Task::new(part * 100 + number, 0))
                        .await
                        .unwrap();
                }
            });
        }
        drop(sender);
        let mut next = 0;
        while let Some(result) = results.recv().await.unwrap() {
            assert_eq!(result.ordinal, next);
            next += 1;
        }
        assert_eq!(next, 640);
    }
}

#[tokio::test]
async fn a_send_that_is_not_awaited_holds_up_no_later_one_for_good() {
    let place = Place::new();
    let orchestrator = Orchestrator::new(Trace::default())
        .journal(place.open().await)
        .unwrap();
    let (sender, mut results) = orchestrator.window(1).order(Order::Input).channel(8);
    let mut first = Box::pin(sender.send(Task::new(1, 0)));
    let _ = futures_util::FutureExt::now_or_never(&mut first);
    sender.send(Task::new(2, 0)).await.unwrap();
    first.await.unwrap();
    drop(sender);
    for ordinal in 0..2 {
        assert_eq!(results.recv().await.unwrap().unwrap().ordinal, ordinal);
    }
    assert!(results.recv().await.unwrap().is_none());
}

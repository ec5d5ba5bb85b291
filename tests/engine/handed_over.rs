//! Tasks that were handed over, and room for more of them.

use std::time::Duration;

use futures_util::StreamExt;
use orchestrator::{Orchestrator, Task};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::closure::SOON;
use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn fewer_tasks_than_the_window_can_be_sent_before_the_first_is_received() {
    let orchestrator = Orchestrator::new(Script::default());
    let (sender, results) = orchestrator.channel(1);
    for id in 0..100_000 {
        let sent = timeout(10 * SOON, sender.send(Task::new(id, vec![]))).await;
        assert!(sent.is_ok(), "task {id} of a window of 1,000,000 waits");
    }
    drop(sender);
    assert_eq!(results.count().await, 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_received_result_makes_room_for_a_task_at_once() {
    let orchestrator = Orchestrator::new(Script::default()).window(1_000);
    let (sender, mut results) = orchestrator.channel(1);
    let mut sent = 0;
    while timeout(SOON, sender.send(Task::new(sent, vec![])))
        .await
        .is_ok()
    {
        sent += 1;
    }
    for _ in 0..100 {
        assert!(results.recv().await.unwrap().is_some());
        let more = timeout(SOON, sender.send(Task::new(sent, vec![]))).await;
        assert!(more.is_ok(), "one result was received, no task can be sent");
    }
}

#[tokio::test(start_paused = true)]
async fn every_task_that_was_sent_gives_a_result_after_a_shutdown() {
    let token = CancellationToken::new();
    let orchestrator = Orchestrator::new(Script::default())
        .window(1)
        .shutdown(token.clone());
    let (sender, results) = orchestrator.channel(100);
    let mut sent = 0;
    for id in 0..50 {
        sender
            .send(Task::new(id, vec![Op::Work(10)]))
            .await
            .unwrap();
        sent += 1;
    }
    token.cancel();
    assert_eq!(results.count().await, sent);
}

#[tokio::test(start_paused = true)]
async fn execute_tasks_gives_a_result_for_each_task_after_a_shutdown() {
    let token = CancellationToken::new();
    let orchestrator = Orchestrator::new(Script::default())
        .concurrency(10)
        .shutdown(token.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(15)).await;
        token.cancel();
    });
    let results = orchestrator
        .execute_tasks(tasks(10_000, &[Op::Work(10)]))
        .await
        .unwrap();
    assert_eq!(results.len(), 10_000);
}

#[tokio::test]
async fn any_capacity_but_zero_is_accepted() {
    let _ = Orchestrator::new(Script::default()).channel(usize::MAX);
}

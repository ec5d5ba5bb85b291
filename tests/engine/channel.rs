//! The channel door.

use std::time::Duration;

use orchestrator::{Orchestrator, Task, TaskStatus};
use tokio::time::{Instant, timeout};

use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn execute_tasks_gives_results_in_the_order_of_the_tasks() {
    let tasks = (0..100).map(|id| Task::new(1_000 + id, vec![Op::Delay(100 - id)]));
    let results = Orchestrator::new(Script::default())
        .execute_tasks(tasks)
        .await
        .unwrap();
    let order: Vec<_> = results.iter().map(|r| (r.id.0, r.ordinal)).collect();
    assert_eq!(order, (0..100).map(|n| (1_000 + n, n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_tasks_give_no_results() {
    let results = Orchestrator::new(Script::default())
        .execute_tasks([])
        .await
        .unwrap();
    assert!(results.is_empty());
}

#[tokio::test]
async fn ids_need_not_be_unique() {
    let same = (0..10).map(|_| Task::new(7, vec![Op::Ready]));
    let results = Orchestrator::new(Script::default())
        .execute_tasks(same)
        .await
        .unwrap();
    assert_eq!(results.len(), 10);
    assert!(results.iter().all(|result| result.id.0 == 7));
}

#[tokio::test]
async fn a_task_that_fails_is_a_result_like_any_other() {
    let tasks = [Task::new(1, vec![Op::Fail]), Task::new(2, vec![Op::Ready])];
    let results = Orchestrator::new(Script::default())
        .execute_tasks(tasks)
        .await
        .unwrap();
    let statuses: Vec<_> = results
        .iter()
        .map(orchestrator::TaskResult::status)
        .collect();
    assert_eq!(statuses, [TaskStatus::Failed, TaskStatus::Completed]);
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "fail: scripted (1 attempt)");
}

#[tokio::test(start_paused = true)]
async fn results_are_received_while_senders_are_still_there() {
    let (sender, mut results) = Orchestrator::new(Script::default()).channel(8);
    for id in 0..5 {
        sender
            .send(Task::new(id, vec![Op::Delay(10)]))
            .await
            .unwrap();
        assert_eq!(results.recv().await.unwrap().unwrap().id.0, id);
    }
}

#[tokio::test]
async fn the_run_ends_with_its_last_sender() {
    let (sender, mut results) = Orchestrator::new(Script::default()).channel(8);
    let second = sender.clone();
    sender.send(Task::new(1, vec![])).await.unwrap();
    drop(sender);
    second.send(Task::new(2, vec![])).await.unwrap();
    drop(second);
    let mut count = 0;
    while results.recv().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 2);
    assert!(results.recv().await.unwrap().is_none(), "it stays ended");
}

#[tokio::test(start_paused = true)]
async fn sending_waits_while_the_window_is_full() {
    let orchestrator = Orchestrator::new(Script::default()).window(4);
    let (sender, mut results) = orchestrator.channel(2);
    let mut sent = 0;
    while timeout(Duration::from_secs(1), sender.send(Task::new(sent, vec![])))
        .await
        .is_ok()
    {
        sent += 1;
    }
    assert_eq!(sent, 4 + 2);
    assert!(results.recv().await.unwrap().is_some());
    let more = timeout(Duration::from_secs(1), sender.send(Task::new(sent, vec![]))).await;
    assert!(more.is_ok(), "a result that is received makes room");
}

#[tokio::test]
async fn a_task_comes_back_when_the_run_is_over() {
    let (sender, results) = Orchestrator::new(Script::default()).channel(1);
    drop(results);
    let error = loop {
        if let Err(error) = sender.send(Task::new(5, vec![])).await {
            break error;
        }
    };
    assert_eq!(error.to_string(), "task 5 was not sent: the run is over");
    assert_eq!(error.0.id.0, 5);
}

#[tokio::test(start_paused = true)]
async fn dropping_execute_tasks_cancels_the_run() {
    let script = Script::default();
    let orchestrator = Orchestrator::new(script.clone());
    let run = orchestrator.execute_tasks(tasks(10, &[Op::Work(1_000), Op::Work(1_000)]));
    assert!(timeout(Duration::from_millis(500), run).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(script.seen.begun(), 10, "no second step was begun");
}

#[tokio::test(start_paused = true)]
async fn tasks_run_side_by_side() {
    let begin = Instant::now();
    let tasks = tasks(1_000, &[Op::Work(1_000)]);
    Orchestrator::new(Script::default())
        .execute_tasks(tasks)
        .await
        .unwrap();
    assert!(begin.elapsed() < Duration::from_millis(1_100));
}

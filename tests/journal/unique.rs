//! Ids that are unique: a task that comes again is the task that came before.

use futures_util::stream;
use orchestrator::{Journal, Orchestrator, Task, TaskErrorKind};

use crate::trace::Trace;
use crate::{Place, line};

async fn unique(place: &Place, trace: &Trace) -> Orchestrator<Trace> {
    let journal = place.journal().await.unique_ids();
    Orchestrator::new(trace.clone()).journal(journal).unwrap()
}

async fn run(place: &Place, trace: &Trace, input: &[(u64, i64)]) -> Vec<String> {
    let tasks = input.iter().map(|&(id, input)| Task::new(id, input));
    let results = unique(place, trace)
        .await
        .execute_tasks(tasks)
        .await
        .unwrap();
    results.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_that_comes_again_gets_the_first_ones_result() {
    let (place, trace) = (Place::new(), Trace::default());
    let lines = run(&place, &trace, &[(1, 5), (1, 5), (2, -1), (2, -1), (1, 5)]).await;
    assert_eq!(
        lines,
        [
            "1 \"waited 5\"",
            "1 \"waited 5\" (replayed)",
            "2 Failed first: minus one was given (1 attempt)",
            "2 Failed first: minus one was given (1 attempt) (replayed)",
            "1 \"waited 5\" (replayed)",
        ]
    );
    assert_eq!(trace.runs(), ["0.first", "0.last", "2.first"]);
}

#[tokio::test(start_paused = true)]
async fn another_input_is_refused() {
    let (place, trace) = (Place::new(), Trace::default());
    let lines = run(&place, &trace, &[(1, 5), (1, 6)]).await;
    assert_eq!(
        lines[1],
        "1 Refused first: task 1 was given before, with another input: ids are to be unique (replayed)"
    );
    assert_eq!(trace.runs(), ["0.first", "0.last"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_was_given_counts() {
    let place = Place::new();
    run(&place, &Trace::default(), &[(1, 5)]).await;
    let again = Trace::default();
    let lines = run(&place, &again, &[(1, 5), (1, 5), (1, 6)]).await;
    assert_eq!(lines[..2], ["1 \"waited 5\" (replayed)"; 2]);
    assert!(lines[2].starts_with("1 Refused"), "{}", lines[2]);
    assert_eq!(again.runs(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_task_may_be_sent_again_by_who_does_not_know_whether_it_was() {
    let place = Place::new();
    {
        let trace = Trace::holding();
        let (sender, _results) = unique(&place, &trace).await.channel(10);
        sender.send(Task::new(1, 5)).await.unwrap();
        sender.send(Task::new(1, 5)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(trace.runs(), ["0.first", "0.last"]);
    }
    let again = Trace::default();
    let (sender, mut results) = unique(&place, &again).await.channel(10);
    sender.send(Task::new(1, 5)).await.unwrap();
    sender.send(Task::new(1, 7)).await.unwrap();
    drop(sender);
    let mut lines = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        lines.push((result.ordinal, line(&result)));
    }
    lines.sort();
    assert_eq!(lines[0], (0, "1 \"waited 5\"".to_owned()));
    assert_eq!(lines[1], (1, "1 \"waited 5\" (replayed)".to_owned()));
    assert_eq!(lines[2], (2, "1 \"waited 5\" (replayed)".to_owned()));
    assert!(lines[3].1.starts_with("1 Refused"), "{lines:?}");
    assert_eq!(again.runs(), ["0.last"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_task_that_is_cancelled_is_cancelled() {
    let (place, trace) = (Place::new(), Trace::default());
    let token = tokio_util::sync::CancellationToken::new();
    let orchestrator = unique(&place, &trace).await.shutdown(token.clone());
    let input = [(1, 60_000), (1, 60_000)].map(|(id, input)| Task::new(id, input));
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(input));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    token.cancel();
    let mut kinds = Vec::new();
    while let Some(result) = results.recv().await.unwrap() {
        kinds.push(result.outcome.unwrap_err().kind());
    }
    assert_eq!(kinds, [TaskErrorKind::Cancelled; 2]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_the_first_was_cancelled_is_cancelled_too() {
    let (place, trace) = (Place::new(), Trace::default());
    let token = tokio_util::sync::CancellationToken::new();
    let orchestrator = unique(&place, &trace)
        .await
        .window(1)
        .shutdown(token.clone());
    let run =
        tokio::spawn(orchestrator.execute_tasks([Task::new(1, 60_000), Task::new(1, 60_000)]));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    token.cancel();
    assert_eq!(run.await.unwrap().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_was_sent_again_is_not_left_at_a_step() {
    let (place, trace) = (Place::new(), Trace::default());
    let (sender, mut results) = unique(&place, &trace).await.channel(8);
    sender.send(Task::new(1, 0)).await.unwrap();
    results.recv().await.unwrap().unwrap();
    for input in [0, 9] {
        sender.send(Task::new(1, input)).await.unwrap();
    }
    drop(sender);
    while results.recv().await.unwrap().is_some() {}
    let status = Journal::status(place.path()).unwrap();
    assert_eq!(
        status.steps.iter().map(|step| step.ready).sum::<u64>(),
        0,
        "{status:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_input_under_one_id_is_refused_and_the_first_result_stays() {
    let place = Place::new();
    let lines = run(&place, &Trace::default(), &[(1, 5), (1, 6)]).await;
    assert!(lines[0].contains("waited 5"), "{lines:?}");
    assert!(lines[1].starts_with("1 Refused"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_stays_as_it_was_when_it_is_opened_again() {
    let (place, trace) = (Place::new(), Trace::default());
    let input = [(1, 5), (1, 5), (2, -1), (2, -1), (1, 5)];
    run(&place, &trace, &input).await;
    let finished = place.open().await.finished().unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let lines = run(&place, &trace, &input).await;
        assert!(
            lines.iter().all(|line| line.ends_with("(replayed)")),
            "{lines:?}"
        );
        assert_eq!(place.open().await.finished().unwrap(), finished);
        assert!(bytes == std::fs::read(place.path()).unwrap());
    }
}

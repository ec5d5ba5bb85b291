//! The doors of a client, and what comes out of them.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use orchestrator::restate::Client;
use orchestrator::{Orchestrator, Order as Sorted, Task, TaskErrorKind, TaskResult};

use crate::server::Server;
use crate::trace::{Order, Trace};
use crate::worker::Working;

fn client(server: &Server, run: &str) -> Client<Trace> {
    let client = Client::new(server.ingress()).unwrap();
    client.run(run).unwrap()
}

fn order(ends: &str, failures: u32) -> Order {
    Order {
        failures,
        ends: ends.to_owned(),
        ..Order::default()
    }
}

/// What a result says, in a line.
fn line(result: &TaskResult<String>) -> String {
    match &result.outcome {
        Ok(output) => format!("{} {output}", result.id),
        Err(error) => format!("{} {:?} {error}", result.id, error.kind()),
    }
}

/// Tasks that end in every way there is, ids twice among them.
fn all_ends() -> Vec<Task<Order>> {
    vec![
        Task::new(101, order("", 0)),
        Task::new(102, order("", 2)),
        Task::new(101, order("", 3)),
        Task::new(103, order("permanent", 0)),
        Task::new(104, order("panic", 1)),
        Task::new(105, order("late", 2)),
        Task::new(u64::MAX, order("", 0)),
    ]
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn results_are_those_of_a_run_in_memory() {
    let (server, here) = (Server::start().await, Trace::default());
    let expected = Orchestrator::new(here.clone())
        .execute_tasks(all_ends())
        .await
        .unwrap();
    let there = Trace::default();
    let _working = Working::on(&server, there.clone()).await;
    let results = client(&server, "one")
        .orchestrator()
        .execute_tasks(all_ends())
        .await
        .unwrap();
    let lines = |results: &[TaskResult<String>]| results.iter().map(line).collect::<Vec<_>>();
    assert_eq!(lines(&results), lines(&expected));
    for (result, expected) in results.iter().zip(&expected) {
        assert_eq!(result.ordinal, expected.ordinal);
        if let (Err(error), Err(expected)) = (&result.outcome, &expected.outcome) {
            assert_eq!(error.step(), expected.step());
            assert_eq!(error.attempts(), expected.attempts());
        }
    }
    for step in ["look", "pack", "ship"] {
        assert_eq!(there.begun(step), here.begun(step), "{step}");
    }
    assert!(
        there.runs().contains_key("one/0/look"),
        "{:?}",
        there.runs()
    );
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn results_come_as_tasks_end_and_a_limit_holds() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let tasks = (0..12).map(|id| {
        let delay = if id == 0 { 2_000 } else { 0 };
        let order = Order {
            delay,
            takes: 50,
            ..Order::default()
        };
        Task::new(id, order)
    });
    let orchestrator = client(&server, "two").orchestrator();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let ids: Vec<_> = results.map(|result| result.unwrap().id.0).collect().await;
    assert_eq!(ids.len(), 12);
    assert_eq!(ids.last(), Some(&0));
    assert_eq!(trace.most(), 3);
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn no_more_than_the_window_is_under_way() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let tasks = (0..9).map(|id| Task::new(id, Order::default()));
    let orchestrator = client(&server, "three").orchestrator();
    let orchestrator = orchestrator.window(4).order(Sorted::Input);
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let first = results.recv().await.unwrap().unwrap();
    tokio::time::sleep(crate::SOON).await;
    assert!(trace.begun("look") <= 5, "{}", trace.begun("look"));
    let others: Vec<_> = results.map(|result| result.unwrap().id.0).collect().await;
    assert_eq!(first.id.0, 0);
    assert_eq!(others, (1..9).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_run_of_the_same_name_attaches_to_what_is_under_way() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let tasks = || {
        (0..5).map(|id| {
            let order = Order {
                delay: 1_000,
                ..Order::default()
            };
            Task::new(id, order)
        })
    };
    let orchestrator = client(&server, "four").orchestrator();
    let first = orchestrator.execute_tasks_streaming(stream::iter(tasks()));
    crate::until("all are packed", || trace.begun("pack") == 5).await;
    drop(first);
    for _ in 0..2 {
        let orchestrator = client(&server, "four").orchestrator();
        let results = orchestrator.execute_tasks(tasks()).await.unwrap();
        assert!(results.iter().all(|result| result.outcome.is_ok()));
        assert!(trace.runs().values().all(|&count| count == 1));
    }
    let orchestrator = client(&server, "another").orchestrator();
    orchestrator.execute_tasks(tasks()).await.unwrap();
    assert_eq!(trace.begun("look"), 10);
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn another_task_in_the_place_of_one_is_refused() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let run = |tasks: Vec<Task<Order>>| {
        let orchestrator = client(&server, "five").orchestrator();
        async move { orchestrator.execute_tasks(tasks).await.unwrap() }
    };
    let tasks = |ends: [&str; 2], id| {
        vec![
            Task::new(id, order(ends[0], 0)),
            Task::new(2, order(ends[1], 0)),
        ]
    };
    run(tasks(["", "permanent"], 1)).await;
    for (tasks, which) in [
        (tasks(["", "panic"], 1), 1),
        (tasks(["late", "permanent"], 1), 0),
        (tasks(["", "permanent"], 7), 0),
    ] {
        let results = run(tasks).await;
        let error = results[which].outcome.as_ref().unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::Refused);
        assert!(error.to_string().contains("`five`"), "{error}");
        let other = results[1 - which].outcome.as_ref();
        let kind = other.err().map(orchestrator::TaskError::kind);
        assert_ne!(kind, Some(TaskErrorKind::Refused));
    }
    assert_eq!(trace.begun("look"), 2);
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn runs_without_a_name_are_runs_of_their_own() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let client = Client::<Trace>::new(server.ingress()).unwrap();
    let orchestrator = client.orchestrator();
    for id in [1, 2, 2] {
        let tasks = [Task::new(id, Order::default())];
        let results = orchestrator.execute_tasks(tasks).await.unwrap();
        assert_eq!(line(&results[0]), format!("{id} {id} after 1"));
    }
    assert_eq!(trace.begun("look"), 3);
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_blueprint_that_nobody_serves_stops_the_run() {
    let server = Server::start().await;
    let tasks = (0..1_000).map(|id| Task::new(id, Order::default()));
    let orchestrator = client(&server, "six").orchestrator();
    let mut results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let why = loop {
        match results.recv().await {
            Ok(result) => {
                let error = result.unwrap().outcome.unwrap_err();
                assert_eq!(error.kind(), TaskErrorKind::Cancelled);
            }
            Err(error) => break error.to_string(),
        }
    };
    assert!(why.contains("no worker is registered"), "{why}");
    assert!(why.contains("`Trace`"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_there_stops_the_run() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    crate::server::install_crypto();
    let client = Client::<Trace>::new(format!("http://me:secret@{address}")).unwrap();
    let client = client.patience(Duration::from_millis(200));
    let tasks = (0..10).map(|id| Task::new(id, Order::default()));
    let mut results = client
        .orchestrator()
        .execute_tasks_streaming(stream::iter(tasks));
    let mut count = 0;
    let why = loop {
        match results.recv().await {
            Ok(result) => {
                let error = result.unwrap().outcome.unwrap_err();
                assert!(!error.to_string().contains("secret"));
                count += 1;
            }
            Err(error) => break format!("{error:#}"),
        }
    };
    assert_eq!(count, 10);
    assert!(why.contains(&address.to_string()), "{why}");
    assert!(why.contains("out of reach for 200ms"), "{why}");
    assert!(!why.contains("secret"), "{why}");
}

//! What goes on after a crash, of whomever; and what does not.

use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use orchestrator::restate::Client;
use orchestrator::{Task, TaskErrorKind, TaskResult};

use crate::server::Server;
use crate::trace::{Order, Trace};
use crate::until;
use crate::worker::Working;

const TASKS: u64 = 20;

/// How many steps may run again: three are in the last one at once, and what a few others came to may not
/// have come to the server.
const AGAIN: u32 = 10;

/// Tasks with a delay of two seconds and a last step that takes a while.
fn tasks() -> impl Iterator<Item = Task<Order>> {
    (0..TASKS).map(|id| {
        let order = Order {
            delay: 2_000,
            takes: 100,
            ..Order::default()
        };
        Task::new(id, order)
    })
}

/// Starts a run of these tasks.
fn start(server: &Server) -> tokio::task::JoinHandle<Vec<TaskResult<String>>> {
    let client = Client::<Trace>::new(server.ingress()).unwrap();
    let orchestrator = client.run("crashed").unwrap().orchestrator();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks()));
    tokio::spawn(async { results.try_collect().await.unwrap() })
}

fn check(results: &[TaskResult<String>]) {
    let mut ids: Vec<_> = results.iter().map(|result| result.id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..TASKS).collect::<Vec<_>>());
    for result in results {
        let expected = format!("{} after 1", result.id);
        assert_eq!(result.outcome.as_ref().unwrap(), &expected);
    }
}

/// How often steps ran again.
fn again(trace: &Trace) -> u32 {
    trace.runs().values().map(|count| count - 1).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_that_is_gone_in_a_step_runs_that_again_and_no_other() {
    let (server, trace) = (Server::start().await, Trace::default());
    let working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("some are shipped", || trace.begun("ship") >= 4).await;
    let address = working.address.to_string();
    working.crash().await;
    let begun = trace.runs();
    let _back = Working::at(&server, &address, trace.clone()).await;
    check(&run.await.unwrap());
    assert!(again(&trace) <= AGAIN, "{:?}", trace.runs());
    for (key, count) in begun.iter().filter(|(key, _)| !key.ends_with("/ship")) {
        assert_eq!(trace.runs()[key], *count, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_server_that_is_killed_in_a_delay_loses_nothing() {
    let (mut server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("all are packed", || u64::from(trace.begun("pack")) == TASKS).await;
    tokio::time::sleep(crate::SOON).await;
    server.kill();
    server.restart().await;
    check(&run.await.unwrap());
    assert_eq!(again(&trace), 0, "{:?}", trace.runs());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_server_that_is_killed_in_a_step_runs_only_such_steps_again() {
    let (mut server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("some are shipped", || trace.begun("ship") >= 4).await;
    server.kill();
    server.restart().await;
    check(&run.await.unwrap());
    assert!(again(&trace) <= AGAIN, "{:?}", trace.runs());
    assert_eq!(trace.begun("pack"), 20);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn both_may_be_gone_at_once_and_the_client_too() {
    let (mut server, trace) = (Server::start().await, Trace::default());
    let working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("some are shipped", || trace.begun("ship") >= 4).await;
    let address = working.address.to_string();
    run.abort();
    server.kill();
    working.crash().await;
    server.restart().await;
    let _back = Working::at(&server, &address, trace.clone()).await;
    check(&start(&server).await.unwrap());
    assert!(again(&trace) <= AGAIN, "{:?}", trace.runs());
    assert_eq!(trace.begun("look"), 20);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_that_is_ended_lets_its_steps_end() {
    let (server, trace) = (Server::start().await, Trace::default());
    let working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("some are shipped", || trace.begun("ship") >= 4).await;
    let address = working.address.to_string();
    working.end().await.unwrap();
    let _back = Working::at(&server, &address, trace.clone()).await;
    check(&run.await.unwrap());
    assert_eq!(again(&trace), 0, "{:?}", trace.runs());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_that_is_ended_under_load_lets_its_steps_end() {
    let (server, trace) = (Server::start().await, Trace::default());
    let mut working = Working::on(&server, trace.clone()).await;
    let address = working.address.to_string();
    let client = Client::<Trace>::new(server.ingress()).unwrap();
    let order = Order {
        packing: 150,
        ..Order::default()
    };
    let tasks = (0..2_000).map(move |id| Task::new(id, order.clone()));
    // More are begun all the time.
    let orchestrator = client.orchestrator().concurrency(200);
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let run = tokio::spawn(results.try_collect::<Vec<_>>());
    for ended in 1..=2 {
        until("some are packed", || trace.begun("pack") >= ended * 500).await;
        working.end().await.unwrap();
        working = Working::at(&server, &address, trace.clone()).await;
    }
    let results = run.await.unwrap().unwrap();
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    assert_eq!(again(&trace), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_that_is_ended_waits_for_no_delay() {
    let (server, trace) = (Server::start().await, Trace::default());
    let working = Working::on(&server, trace.clone()).await;
    let client = Client::<Trace>::new(server.ingress()).unwrap();
    let order = Order {
        delay: 60_000,
        ..Order::default()
    };
    let tasks = vec![Task::new(1, order)];
    let _results = client
        .orchestrator()
        .execute_tasks_streaming(stream::iter(tasks));
    until("it is packed", || trace.begun("pack") == 1).await;
    tokio::time::sleep(crate::SOON).await;
    let began = std::time::Instant::now();
    working.end().await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_task_that_is_cancelled_says_so_and_others_go_on() {
    let (server, trace) = (Server::start().await, Trace::default());
    let _working = Working::on(&server, trace.clone()).await;
    let run = start(&server);
    until("all are packed", || u64::from(trace.begun("pack")) == TASKS).await;
    tokio::time::sleep(crate::SOON).await;
    server.cancel("crashed/7").await;
    let results = run.await.unwrap();
    let (cancelled, others): (Vec<_>, Vec<_>) = results.iter().partition(|result| result.id.0 == 7);
    let error = cancelled[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Cancelled);
    assert_eq!(error.step(), "rest");
    assert!(others.iter().all(|result| result.outcome.is_ok()));
    assert_eq!(trace.begun("ship"), 19);
}

//! Several workers, several nodes, and one of them is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use orchestrator::Task;
use orchestrator::restate::{Client, Worker};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Server, cluster};
use crate::trace::{Order, Trace};
use crate::worker::Working;

/// Tasks that take a while.
fn tasks(count: u64) -> impl Iterator<Item = Task<Order>> {
    (0..count).map(|id| {
        let order = Order {
            delay: 500,
            takes: 20,
            ..Order::default()
        };
        Task::new(id, order)
    })
}

/// Passes connections on to one of these in turn, or the next one that takes them.
async fn balance(listener: TcpListener, workers: Vec<SocketAddr>) {
    let next = Arc::new(AtomicUsize::new(0));
    while let Ok((mut from, _)) = listener.accept().await {
        let (workers, next) = (workers.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            for _ in 0..workers.len() {
                let at = next.fetch_add(1, Ordering::Relaxed) % workers.len();
                if let Ok(mut to) = TcpStream::connect(workers[at]).await {
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    return;
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn of_two_workers_behind_one_url_either_may_be_lost() {
    let server = Server::start().await;
    let traces = [Trace::default(), Trace::default()];
    let mut workers = Vec::new();
    for trace in &traces {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let worker = Worker::new().serve(trace.clone()).unwrap();
        workers.push((address, tokio::spawn(worker.listen_on(listener))));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let addresses = workers.iter().map(|(address, _)| *address).collect();
    tokio::spawn(balance(listener, addresses));
    // One more makes their common URL known.
    let registering = Worker::new()
        .serve(Trace::default())
        .unwrap()
        .register(server.admin())
        .advertise(url);
    let registering = tokio::spawn(registering.listen("127.0.0.1:0"));
    while server
        .query("SELECT id FROM sys_deployment")
        .await
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    registering.abort();

    let client = Client::<Trace>::new(server.ingress()).unwrap();
    let orchestrator = client.orchestrator();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(600)));
    let results = tokio::spawn(results.collect::<Vec<_>>());
    let begun = |at: usize| traces[at].begun("ship");
    // Calls go by connections of 128 each, so both have some.
    while begun(0) < 5 || begun(1) < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    workers.remove(0).1.abort();
    let results = results.await.unwrap();
    assert_eq!(results.len(), 600);
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    let again = begun(0) + begun(1) - 600;
    // Three were in that step there, and what others came to was on its way to the server.
    assert!(again <= 30, "{again} again");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn of_three_nodes_one_may_be_lost() {
    let mut nodes = cluster().await;
    let trace = Trace::default();
    let _working = Working::on(&nodes[1], trace.clone()).await;
    let client = Client::<Trace>::new(nodes[1].ingress()).unwrap();
    let orchestrator = client.orchestrator();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(200)));
    let results = tokio::spawn(results.collect::<Vec<_>>());
    while trace.begun("pack") < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    nodes[0].kill();
    let results = results.await.unwrap();
    assert_eq!(results.len(), 200);
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    let again: u32 = trace.runs().values().map(|count| count - 1).sum();
    println!("{again} of 600 steps ran again");
    assert!(again < 200, "{again}");
}

//! Several workers, several nodes, and one of them is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use orchestrator::Task;
use orchestrator::restate::Client;
use tokio::net::{TcpListener, TcpStream};

use crate::cli::{Running, csv_runner, wait_until};
use crate::http::{Answer, Server as Endpoint};
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

/// A worker that is a process, and fetches this.
fn worker(address: SocketAddr, endpoint: &Endpoint, more: &[&str]) -> Running {
    let (address, url) = (address.to_string(), endpoint.url());
    let worker = [
        "worker",
        "--listen",
        &address,
        "--url",
        &url,
        "--delay=1s",
        "--concurrency=20",
    ];
    let running = Running::start(csv_runner(&[&worker[..], more].concat()));
    wait_until("it listens", || {
        std::net::TcpStream::connect(&address).is_ok()
    });
    running
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn of_two_workers_behind_one_url_either_may_be_killed() {
    const ROWS: u64 = 600;
    let server = Server::start().await;
    let endpoints = [(); 2].map(|()| Endpoint::start(|_| Answer::After(Duration::from_millis(50))));
    let addresses = [(); 2].map(|()| {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(balance(listener, addresses.to_vec()));
    let killed = worker(addresses[0], &endpoints[0], &[]);
    // The second one makes the URL of both known.
    let known = ["--register", &server.admin(), "--advertise", &url];
    let _stays = worker(addresses[1], &endpoints[1], &known);
    server.knows(1).await;

    let tasks = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(tasks.path(), crate::cli::tasks(0..ROWS)).unwrap();
    let ingress = server.ingress();
    let running = Running::start(csv_runner(&[
        "--restate",
        &ingress,
        tasks.path().to_str().unwrap(),
    ]));
    let requests = |at: usize| endpoints[at].requests().len() as u64;
    // Calls go by connections of 128 each, so both have some.
    wait_until("both have some", || requests(0) >= 100 && requests(1) >= 20);
    killed.signal("KILL");
    let done = running.finish_within(crate::LIMIT);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len() as u64, ROWS);
    let all = done.rows().iter().all(|row| row.ends_with("Completed,"));
    assert!(all, "{done:?}");
    // 20 were being fetched there, and what others came to was on its way to the server.
    let again = requests(0) + requests(1) - ROWS;
    assert!(again <= 60, "{again} of {} were fetched again", requests(0));
    killed.finish();
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
    let results = tokio::spawn(results.try_collect::<Vec<_>>());
    crate::until("half are packed", || trace.begun("pack") >= 100).await;
    nodes[0].kill();
    let results = results.await.unwrap().unwrap();
    assert_eq!(results.len(), 200);
    assert!(results.iter().all(|result| result.outcome.is_ok()));
    let again: u32 = trace.runs().values().map(|count| count - 1).sum();
    println!("{again} of 600 steps ran again");
    assert!(again < 200, "{again}");
}

//! What a blueprint costs on a Restate server, beside a service that is written by hand; and what tasks in a
//! delay cost there.
//!
//! `.ci/restate && cargo bench -p orchestrator-tests --bench restate`

#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stdout, reason = "figures for people")]
#![allow(missing_docs, reason = "what the SDK's attribute writes has none")]

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../restate/server.rs"]
mod server;

use std::fs;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use orchestrator::restate::{Client, Worker};
use orchestrator::{Task, blueprint};
use restate_sdk::prelude::*;
use server::Server;
use tokio::net::TcpListener;

/// Three steps that do nothing.
struct Steps;

#[blueprint]
impl Steps {
    #[step]
    async fn first(&self, payload: String) -> String {
        payload
    }

    #[step]
    async fn second(&self, payload: String) -> String {
        payload
    }

    #[step]
    async fn third(&self, payload: String) -> String {
        payload
    }
}

/// A delay of five seconds, and a step that does nothing.
struct Delayed;

#[blueprint]
impl Delayed {
    #[delay]
    fn wait(&self, _: &u64) -> Duration {
        Duration::from_secs(5)
    }

    #[step]
    async fn then(&self, number: u64) -> u64 {
        number
    }
}

/// The same three steps by hand.
struct ByHand;

#[restate_sdk::service]
impl ByHand {
    #[handler]
    async fn run(&self, ctx: Context<'_>, payload: String) -> HandlerResult<String> {
        let payload: String = ctx.run(|| async move { Ok(payload) }).name("first").await?;
        let payload: String = ctx
            .run(|| async move { Ok(payload) })
            .name("second")
            .await?;
        let payload: String = ctx.run(|| async move { Ok(payload) }).name("third").await?;
        Ok(payload)
    }
}

const PAYLOAD: &str = "abcdefghijklmnopqrstuvwxyz";
const ROUNDS: usize = 6;

#[tokio::main]
async fn main() {
    server::install_crypto();
    if let Some(admin) = std::env::args().skip_while(|word| word != "worker").nth(1) {
        let worker = Worker::new().serve(Delayed).unwrap().register(admin);
        worker.listen("127.0.0.1:0").await.unwrap();
        return;
    }
    let server = Server::start().await;
    by_hand(&server).await;
    let ours = Worker::new().serve(Steps).unwrap().register(server.admin());
    tokio::spawn(ours.listen("127.0.0.1:0"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    for in_flight in [64, 256] {
        let mut ratios = Vec::new();
        for round in 0..=ROUNDS {
            let name = format!("{in_flight}-{round}");
            let by_hand = |_| serde_json::json!(PAYLOAD).to_string();
            let ours = |ordinal| {
                serde_json::json!({
                    "run": "bench", "ordinal": ordinal, "id": ordinal, "input": PAYLOAD
                })
                .to_string()
            };
            // Each goes first in every other round.
            let (hand, ours) = if round % 2 == 0 {
                let hand = load(&server, "ByHand", in_flight, &name, by_hand).await;
                (hand, load(&server, "Steps", in_flight, &name, ours).await)
            } else {
                let ours = load(&server, "Steps", in_flight, &name, ours).await;
                (
                    load(&server, "ByHand", in_flight, &name, by_hand).await,
                    ours,
                )
            };
            // The first round warms up.
            if round > 0 {
                println!(
                    "{in_flight:4} in flight: by hand {:5.0}/s (p50 {:.0?}), a blueprint {:5.0}/s (p50 {:.0?})",
                    hand.0, hand.1, ours.0, ours.1
                );
                ratios.push(ours.0 / hand.0);
            }
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{in_flight:4} in flight: ratio {:.2} ({:.2} to {:.2})",
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        );
    }
    drop(server);

    let limit = (
        "RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT",
        "30000",
    );
    let server = Server::start_with(&[limit]).await;
    delayed(&server, 20_000).await;
}

/// Serves what is written by hand.
async fn by_hand(server: &Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::builder().bind(ByHand).build();
    tokio::spawn(HttpServer::new(endpoint).serve(listener));
    let client = server::http();
    let answer = client
        .post(format!("{}/deployments", server.admin()))
        .header("content-type", "application/json")
        .body(serde_json::json!({ "uri": url }).to_string());
    assert!(answer.send().await.unwrap().status().is_success());
}

/// Calls a service so many times at once; gives calls a second, and the median of what a call took.
async fn load(
    server: &Server,
    service: &str,
    in_flight: usize,
    name: &str,
    body: impl Fn(usize) -> String,
) -> (f64, Duration) {
    // A server takes some 200 requests at once on one connection.
    let clients = [(); 4].map(|()| {
        let client = reqwest::Client::builder().no_proxy();
        client.http2_prior_knowledge().build().unwrap()
    });
    let url: Arc<str> = format!("{}/{service}/run", server.ingress()).into();
    let count = 16 * in_flight.max(128);
    let began = Instant::now();
    let calls = (0..count).map(|ordinal| {
        let request = clients[ordinal % clients.len()]
            .post(&*url)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("{service}/{name}/{ordinal}"))
            .body(body(ordinal));
        tokio::spawn(async move {
            let began = Instant::now();
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
            answer.bytes().await.unwrap();
            began.elapsed()
        })
    });
    // A task each is made when its turn comes.
    let took = stream::iter(calls).buffer_unordered(in_flight);
    let mut took: Vec<_> = took.map(Result::unwrap).collect().await;
    let all = began.elapsed();
    took.sort_unstable();
    (count as f64 / all.as_secs_f64(), took[count / 2])
}

/// Has tasks wait for five seconds each, all at once, with the worker in a process of its own.
async fn delayed(server: &Server, count: u64) {
    let worker = Command::new(std::env::current_exe().unwrap())
        .args(["worker", &server.admin()])
        .spawn()
        .unwrap();
    let worker = Ended(worker);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let client = Client::<Delayed>::new(server.ingress()).unwrap();
    let orchestrator = client.orchestrator().concurrency(30_000);
    let began = Instant::now();
    let tasks = (0..count).map(|number| Task::new(number, number));
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let completed = results
        .filter(|result| std::future::ready(result.as_ref().unwrap().outcome.is_ok()))
        .count()
        .await;
    println!(
        "{completed} of {count} tasks with a delay of 5 s: all through after {:.1?}; peak of the server {} MB, of the worker {} MB, of the client {} MB",
        began.elapsed(),
        peak(server.process()),
        peak(worker.0.id()),
        peak(std::process::id()),
    );
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The most memory that a process had resident, in megabytes.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_000
}

//! Tasks that wait for others, or for long.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use orchestrator::restate::{Client, Worker};
use orchestrator::{StepContext, Task, TaskErrorKind, TaskResult, blueprint};
use tokio::task::JoinHandle;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::server::Server;
use crate::worker::Working;

/// One after the other. Writes down who had a turn.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<u64>>>);

#[blueprint]
impl Queue {
    #[step(limit = 1)]
    async fn turn(&self, takes: Duration, cx: &StepContext) {
        self.0.lock().unwrap().push(cx.task_id().0);
        tokio::time::sleep(takes).await;
    }
}

impl Queue {
    fn turns(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

/// Waits for as long as there is time.
struct Eternal;

#[blueprint]
impl Eternal {
    #[delay]
    fn forever(&self, _: &u8) -> Duration {
        Duration::MAX
    }
}

/// A worker whose steps are to take no longer than a second.
async fn brisk(server: &Server, queue: &Queue) -> Working {
    let worker = Worker::new()
        .longest_step(Duration::from_secs(1))
        .serve(queue.clone())
        .unwrap();
    Working::with(server, worker).await
}

fn start(
    server: &Server,
    run: &str,
    steps: impl IntoIterator<Item = u64>,
) -> JoinHandle<Vec<TaskResult<()>>> {
    let client = Client::<Queue>::new(server.ingress()).unwrap();
    let orchestrator = client.run(run).unwrap().orchestrator();
    let tasks = (0..).zip(steps);
    let tasks: Vec<_> = tasks
        .map(|(id, ms)| Task::new(id, Duration::from_millis(ms)))
        .collect();
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    tokio::spawn(async { results.try_collect().await.unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_task_that_is_cancelled_while_it_waits_for_a_limit_never_has_its_turn() {
    let (server, queue) = (Server::start().await, Queue::default());
    let _working = Working::on(&server, queue.clone()).await;
    let run = start(&server, "queue", [3_000; 3]);
    crate::until("one has its turn", || !queue.turns().is_empty()).await;
    tokio::time::sleep(crate::SOON).await;
    let first = queue.turns()[0];
    let others = (0..3).filter(|&id| id != first);
    for id in others {
        server.cancel(&format!("queue/{id}")).await;
    }
    let mut results = run.await.unwrap();
    assert_eq!(queue.turns(), [first]);
    results.sort_by_key(|result| result.id.0);
    for result in results {
        if result.id.0 == first {
            assert!(result.outcome.is_ok(), "{result:?}");
            continue;
        }
        let error = result.outcome.unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::Cancelled);
        assert_eq!(error.to_string(), "turn: cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn to_wait_for_a_limit_is_not_to_take_long() {
    let (server, queue) = (Server::impatient().await, Queue::default());
    let _working = brisk(&server, &queue).await;
    let results = start(&server, "long", [100; 40]).await.unwrap();
    assert!(
        results.iter().all(|result| result.outcome.is_ok()),
        "{results:?}"
    );
    let mut turns = queue.turns();
    turns.sort_unstable();
    assert_eq!(turns, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_step_that_ends_after_its_task_was_cancelled_counts() {
    let (server, queue) = (Server::impatient().await, Queue::default());
    let _working = Working::on(&server, queue.clone()).await;
    let run = start(&server, "late", [3_500]);
    crate::until("it has its turn", || !queue.turns().is_empty()).await;
    // The server has said by then that it hears no more of this call.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.cancel("late/0").await;
    let results = run.await.unwrap();
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "turn: cancelled (1 attempt)");
    assert_eq!(queue.turns(), [0]);
}

/// What was said in this thread.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl io::Write for Said {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[tokio::test]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_step_that_is_given_up_for_its_length_is_told() {
    let said = Said::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(said.clone())
        .finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let (server, queue) = (Server::impatient().await, Queue::default());
    let _working = brisk(&server, &queue).await;
    let run = start(&server, "slow", [20_000]);
    crate::until("it runs again", || queue.turns().len() == 2).await;
    run.abort();
    let says = "it took longer than the longest step of this worker, 1s, and runs again";
    assert!(said.text().contains(says), "{}", said.text());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_delay_without_end_is_one_to_the_server_too() {
    let server = Server::start().await;
    let _working = Working::on(&server, Eternal).await;
    let client = Client::<Eternal>::new(server.ingress()).unwrap();
    let orchestrator = client.run("for").unwrap().orchestrator();
    let tasks = vec![Task::new(1, 0)];
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    let run = tokio::spawn(results.try_collect::<Vec<_>>());
    server.has_waiting(1).await;
    tokio::time::sleep(crate::SOON).await;
    let failed = "SELECT last_failure FROM sys_invocation WHERE last_failure IS NOT NULL";
    let failed = server.query(failed).await;
    assert!(failed.is_empty(), "{failed:?}");
    server.cancel("for/0").await;
    let results = run.await.unwrap().unwrap();
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "forever: cancelled");
}

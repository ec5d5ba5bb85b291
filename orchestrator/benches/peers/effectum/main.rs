//! A job queue: a job is one fn that keeps its own place, here in a payload that it overwrites.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use effectum::{Error, Job, JobRunner, Queue, RunningJob, Worker};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

#[path = "../src/report.rs"]
mod report;

#[derive(Serialize, Deserialize)]
struct State {
    step: u8,
    payload: String,
}

const TASKS: u32 = 80_000;

type Ended = mpsc::UnboundedSender<()>;

/// The end of the fn, which completes the job, is the third step's record.
async fn steps(job: RunningJob, ended: Ended) -> Result<(), Error> {
    let mut state: State = job.json_payload()?;
    while state.step < 2 {
        state.step += 1;
        job.checkpoint_json(&state).await?;
    }
    job.complete(&state.payload).await?;
    ended.send(()).ok();
    Ok(())
}

fn main() {
    report::measure("effectum", run);
}

async fn run(directory: &Path) -> report::Measured {
    let path = directory.join("effectum.db");
    let queue = Arc::new(Queue::new(&path).await.expect("a queue"));
    let (sender, mut ended) = mpsc::unbounded_channel();
    let worker = Worker::builder(&queue, sender)
        .max_concurrency(500)
        .jobs([JobRunner::builder("steps", steps).build()])
        .build()
        .await
        .expect("a worker");
    let began = Instant::now();
    let adder = tokio::spawn({
        let queue = queue.clone();
        async move {
            for _ in 0..TASKS / 500 {
                let jobs = (0..500).map(|_| {
                    let state = State {
                        step: 0,
                        payload: report::PAYLOAD.to_owned(),
                    };
                    Job::builder("steps")
                        .json_payload(&state)
                        .expect("a payload")
                        .build()
                });
                queue.add_jobs(jobs.collect()).await.expect("jobs");
            }
        }
    });
    for _ in 0..TASKS {
        ended.recv().await.expect("a job");
    }
    let elapsed = began.elapsed();
    adder.await.expect("all added");
    // The writer's connection is its own: from outside only what belongs to the file can be read.
    let journal_mode: String = rusqlite::Connection::open(&path)
        .and_then(|connection| {
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
        })
        .expect("a mode");
    worker.unregister(None).await.expect("no worker");
    queue.close(Duration::from_mins(1)).await.expect("an end");
    report::Measured {
        tasks: TASKS,
        elapsed,
        durability: format!("journal_mode={journal_mode}"),
    }
}

//! A workflow of a job queue: every step that ends puts a job for the next into the table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqlitePool, SqliteStorage};
use apalis_workflow::SteppedFlow;
use futures_util::{StreamExt as _, stream};

use crate::report::{Measured, PAYLOAD};

const IN_FLIGHT: usize = 100;

async fn pass(payload: String) -> Result<String, BoxDynError> {
    Ok(payload)
}

async fn last(
    _: String,
    left: Data<Arc<AtomicU32>>,
    worker: WorkerContext,
) -> Result<(), BoxDynError> {
    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
        worker.stop()?;
    }
    Ok(())
}

/// With the indices that it makes.
pub async fn stock(directory: &Path) -> Measured {
    run(directory, 1_500, "").await
}

/// Without the index that leads its fetch of jobs through all that are not locked, so that a fetch
/// takes the longer the more there are.
pub async fn mended(directory: &Path) -> Measured {
    run(directory, 8_000, "DROP INDEX LIdx").await
}

async fn run(directory: &Path, tasks: u32, mend: &'static str) -> Measured {
    let url = format!(
        "sqlite://{}?mode=rwc",
        directory.join("apalis.db").display()
    );
    let pool = SqlitePool::connect(&url).await.expect("a database");
    SqliteStorage::setup(&pool).await.expect("tables");
    sqlx_09::raw_sql(mend).execute(&pool).await.expect("a mend");
    let config = Config::default().queue("nothing").batch_size(IN_FLIGHT);
    let mut storage = SqliteStorage::new(&pool).with_config(config);
    let began = Instant::now();
    storage
        .push_stream(stream::repeat(PAYLOAD.to_owned()).take(tasks as usize))
        .await
        .expect("tasks");
    WorkerBuilder::new("worker")
        .backend(storage.poll_with_interval(Duration::from_millis(10)))
        .data(Arc::new(AtomicU32::new(tasks)))
        .concurrency(IN_FLIGHT)
        .build(
            SteppedFlow::new("nothing")
                .and_then(pass)
                .and_then(pass)
                .and_then(last),
        )
        .run()
        .await
        .expect("an end");
    let elapsed = began.elapsed();
    let durability = crate::close!(sqlx_09, pool);
    Measured {
        tasks,
        elapsed,
        durability,
    }
}

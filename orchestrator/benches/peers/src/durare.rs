//! Workflows as plain async fns, each step's result in a row.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use durare::{DurableContext, DurableEngine, Result, SqliteProvider, WorkflowOptions};
use futures_util::{StreamExt as _, stream};

use crate::report::{Measured, PAYLOAD};

const TASKS: u32 = 8_000;
const IN_FLIGHT: usize = 64;

#[durare::step]
async fn first(ctx: &DurableContext, payload: String) -> Result<String> {
    Ok(payload)
}

#[durare::step]
async fn second(ctx: &DurableContext, payload: String) -> Result<String> {
    Ok(payload)
}

#[durare::step]
async fn third(ctx: &DurableContext, payload: String) -> Result<String> {
    Ok(payload)
}

#[durare::workflow]
async fn nothing(ctx: DurableContext, payload: String) -> Result<String> {
    let payload = first(&ctx, payload).await?;
    let payload = second(&ctx, payload).await?;
    third(&ctx, payload).await
}

pub async fn run(directory: &Path) -> Measured {
    let url = format!("sqlite://{}", directory.join("durare.db").display());
    let provider = Arc::new(SqliteProvider::connect(&url).await.expect("a database"));
    let pool = provider.system_datasource().pool().clone();
    let engine = DurableEngine::new(provider).await.expect("an engine");
    let began = Instant::now();
    stream::iter(0..TASKS)
        .map(async |id| {
            let options = WorkflowOptions::with_id(id.to_string());
            let handle = engine
                .start_with(Nothing, PAYLOAD.to_owned(), options)
                .await;
            handle.expect("a run").await.expect("a result");
        })
        .buffer_unordered(IN_FLIGHT)
        .count()
        .await;
    let elapsed = began.elapsed();
    engine
        .shutdown(Duration::from_secs(10))
        .await
        .expect("an end");
    let durability = crate::close!(sqlx_08, pool);
    Measured {
        tasks: TASKS,
        elapsed,
        durability,
    }
}

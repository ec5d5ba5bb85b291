//! Orchestrations that are replayed from their history, and activities that they send for by name.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};
use futures_util::{StreamExt as _, stream};

use crate::report::{Measured, PAYLOAD};

const TASKS: u32 = 500;
const IN_FLIGHT: usize = 250;

async fn pass(_: ActivityContext, payload: String) -> Result<String, String> {
    Ok(payload)
}

async fn nothing(ctx: OrchestrationContext, payload: String) -> Result<String, String> {
    let payload = ctx.schedule_activity("first", payload).await?;
    let payload = ctx.schedule_activity("second", payload).await?;
    ctx.schedule_activity("third", payload).await
}

pub async fn run(directory: &Path) -> Measured {
    let url = format!(
        "sqlite:{}?mode=rwc",
        directory.join("duroxide.db").display()
    );
    let store = Arc::new(SqliteProvider::new(&url, None).await.expect("a database"));
    let activities = ActivityRegistry::builder()
        .register("first", pass)
        .register("second", pass)
        .register("third", pass)
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("nothing", nothing)
        .build();
    let runtime = Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Client::new(store.clone());
    let began = Instant::now();
    stream::iter(0..TASKS)
        .map(async |id| {
            let id = id.to_string();
            client
                .start_orchestration(&id, "nothing", PAYLOAD)
                .await
                .expect("a run");
            let status = client
                .wait_for_orchestration(&id, Duration::from_mins(10))
                .await;
            assert!(
                matches!(status, Ok(OrchestrationStatus::Completed { .. })),
                "{status:?}"
            );
        })
        .buffer_unordered(IN_FLIGHT)
        .count()
        .await;
    let elapsed = began.elapsed();
    runtime.shutdown(None).await;
    let durability = crate::close!(sqlx_08, store.get_pool());
    Measured {
        tasks: TASKS,
        elapsed,
        durability,
    }
}

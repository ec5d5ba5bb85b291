//! A blueprint as a Restate service: [`definition`].

use std::sync::Arc;
use std::time::Duration;

use restate_sdk::context::RunFuture as _;
use restate_sdk::discovery;
use restate_sdk::endpoint::{self, ContextInternal, ServiceOptions};
use restate_sdk::errors::{HandlerError, TerminalError};
use restate_sdk::serde::Json;
use restate_sdk::service::macro_support::{ServiceBoxFuture, service_definition};
use restate_sdk::service::{Service, ServiceDefinition};
use serde_json::json;

use super::{CANCELLED, CENTURY, FAILED, HANDLER, PIPELINE, STEPS, line};
use crate::distributed::{
    End, History, Interrupted, Record, Submission, Walk, pipeline, shortened,
};
use crate::{Durable, StepInfo};

/// What a server is told of a blueprint: a service under its name.
///
/// # Errors
///
/// If that is no name for a service.
pub(super) fn manifest<B: Durable>() -> anyhow::Result<discovery::Service> {
    let steps: Vec<_> = B::STEPS.iter().map(StepInfo::name).collect();
    // By way of JSON, so that fields which the manifest gains break nothing.
    serde_json::from_value(json!({
        "name": B::NAME,
        "ty": "SERVICE",
        "metadata": { PIPELINE: pipeline::<B>(), STEPS: steps.join(", ") },
        "handlers": [{
            "name": HANDLER,
            "input": { "required": true, "contentType": "application/json" },
            "output": { "contentType": "application/json", "setContentTypeIfEmpty": false },
        }],
    }))
    .map_err(|error| {
        anyhow::anyhow!(
            "`{}` can't be the name of a Restate service: {error}",
            B::NAME
        )
    })
}

/// The service itself.
pub(super) fn definition<B: Durable>(
    walk: Walk<B>,
    manifest: discovery::Service,
    options: ServiceOptions,
) -> ServiceDefinition {
    service_definition(Steps(Arc::new(walk)), manifest).options(options)
}

/// Serves the tasks of one blueprint.
struct Steps<B>(Arc<Walk<B>>);

impl<B: Durable> Service for Steps<B> {
    type Future = ServiceBoxFuture;

    fn handle(&self, context: ContextInternal) -> Self::Future {
        let walk = Arc::clone(&self.0);
        Box::pin(async move {
            if context.handler_name() != HANDLER {
                let name = context.handler_name();
                return Err(endpoint::Error::unknown_handler(B::NAME, name));
            }
            let (Json(mut task), metadata) = context.input::<Json<Submission>>().await;
            if task.run.is_empty() {
                task.run = metadata.invocation_id;
            }
            let result = match walk.walk(task, &Context(&context)).await {
                Ok(End::Completed(completed)) => Ok(Json(completed)),
                Ok(End::Failed(failed)) => Err(terminal(&failed)),
                Err(error) => Err(not_here(&error)),
            };
            context.handle_handler_result(result);
            context.end();
            Ok(())
        })
    }
}

/// A failure of the blueprint's own, with all of it in the message: the one thing that comes through.
fn terminal(failed: &crate::distributed::Failed) -> HandlerError {
    let message = serde_json::to_string(failed).unwrap_or_else(|_| failed.message.clone());
    TerminalError::new_with_code(FAILED, message).into()
}

/// An error that says: not here, not now.
fn not_here(error: &anyhow::Error) -> HandlerError {
    let message = shortened(format!("{error:#}"));
    tracing::warn!("{message}");
    HandlerError::from(message)
}

/// What Restate remembers of a task.
struct Context<'a>(&'a ContextInternal);

impl History for Context<'_> {
    async fn record(
        &self,
        name: String,
        attempt: impl Future<Output = anyhow::Result<Record>> + Send,
    ) -> Result<Record, Interrupted> {
        let run = self.0.run(|| async {
            let attempted = attempt.await.map(Json);
            attempted.map_err(|error| not_here(&error))
        });
        let recorded = run.name(name).await;
        recorded
            .map(|Json(record)| record)
            .map_err(|error| interrupted(&error))
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Interrupted> {
        let slept = self.0.sleep(pause.min(CENTURY)).await;
        slept.map_err(|error| interrupted(&error))
    }

    async fn called(&self) {
        line::heard().await;
    }
}

fn interrupted(error: &TerminalError) -> Interrupted {
    if error.code() == CANCELLED {
        Interrupted::Cancelled
    } else {
        Interrupted::Broken(error.message().to_owned())
    }
}

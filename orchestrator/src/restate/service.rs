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
    Completed, End, History, Interrupted, Record, Submission, Walk, fingerprint, pipeline,
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
            let identity = fingerprint(task.id, &task.input);
            let result = match walk.walk(task, &Context(&context)).await {
                Ok(End::Completed(output)) => Ok(Json(Completed {
                    task: identity,
                    output,
                })),
                Ok(End::Failed(failed)) => Err(terminal(&failed)),
                Err(error) => {
                    tracing::warn!("{error:#}");
                    Err(retryable(&error))
                }
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
fn retryable(error: &anyhow::Error) -> HandlerError {
    HandlerError::from(format!("{error:#}"))
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
            attempt.await.map(Json).map_err(|error| {
                tracing::warn!("{error:#}");
                retryable(&error)
            })
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

//! Multi-step background tasks as typed pipelines.

#[doc(hidden)]
#[path = "support.rs"]
pub mod __private;
mod blueprint;
mod context;
pub mod durable;
mod engine;
mod error;
mod orchestrator;
mod policy;
mod task;

pub use blueprint::{Advance, Blueprint, StepInfo, StepKind};
pub use context::StepContext;
pub use durable::{Durable, Storable};
pub use engine::{Order, Stats, TaskResults};
pub use error::{StepFailure, TaskError, TaskErrorKind, permanent, retry_after};
pub use orchestrator::{Orchestrator, SendError, TaskSender};
pub use orchestrator_macros::blueprint;
pub use policy::Retry;
pub use task::{Task, TaskId, TaskResult, TaskStatus};

//! Multi-step background tasks as typed pipelines: write the steps as async fns of one `impl`
//! block, and run thousands to tens of millions of tasks through them, with retries, timeouts and
//! delays that cost a few bytes each.
//!
//! ```
//! use std::time::Duration;
//!
//! use orchestrator::{Orchestrator, Task, blueprint};
//!
//! /// What the steps share: clients, settings.
//! struct Welcome {
//!     delay: Duration,
//! }
//!
//! struct User {
//!     name: String,
//! }
//!
//! #[blueprint]
//! impl Welcome {
//!     /// Look the user up.
//!     #[step(timeout = "10s", retry(times = 2, backoff = "200ms"))]
//!     async fn fetch_user(&self, id: u64) -> anyhow::Result<User> {
//!         Ok(User { name: format!("user {id}") })
//!     }
//!
//!     /// Let things settle. Meanwhile the task is a plain value in a queue.
//!     #[delay]
//!     fn settle(&self) -> Duration {
//!         self.delay
//!     }
//!
//!     /// Greet. A step that takes its value by reference only looks at it: the user flows on.
//!     #[step]
//!     async fn greet(&self, user: &User) -> anyhow::Result<()> {
//!         println!("welcome, {}", user.name);
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let welcome = Welcome { delay: Duration::from_millis(50) };
//!     let tasks = (1..=3).map(|id| Task::new(id, id));
//!     for result in Orchestrator::new(welcome).execute_tasks(tasks).await? {
//!         match result.outcome {
//!             Ok(user) => println!("{}: greeted {}", result.id, user.name),
//!             Err(error) => println!("{}: {error}", result.id),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The compiler checks the steps against each other: a step that takes what the step before it does
//! not yield is an error under the type in question, which says just that.
//!
//! # Doors
//!
//! | | takes | gives |
//! | --- | --- | --- |
//! | [`execute_tasks`](Orchestrator::execute_tasks) | tasks that are all at hand | all results at once, in the tasks' order |
//! | [`channel`](Orchestrator::channel) | tasks that are sent from anywhere | results as they come |
//! | [`execute_tasks_streaming`](Orchestrator::execute_tasks_streaming) | a stream, pulled as far as the [window](Orchestrator::window) allows | results as they come, as a stream |
//!
//! All of them use the same engine. Every admitted task gives exactly one result, or the run ends with a [`RunError`]
//! that says why it cannot continue. A step's error, timeout or panic ends its own task only.
//!
//! # What waits, and what executes
//!
//! A task between two steps is one variant of a plain enum. While it waits, in a delay or for its
//! next attempt, that value sits in a queue by time, and nothing else does: no future, no timer, no
//! permit of [`concurrency`](Orchestrator::concurrency). While a step executes, its future has a
//! slot with one of the workers, of which there is one for each thread of the tokio runtime.
//!
//! So it is, too, with a task that waits for a step which has a `limit` (the most tasks in it at once)
//! or a `rate` (how often it begins): both hold over all runs of an orchestrator, and tasks are let in
//! in the order in which they came.
//!
//! **A step that blocks its thread stalls its worker**, and the tasks that the worker has in hand.
//! Move such work to [`tokio::task::spawn_blocking`].
//!
//! Time is tokio's clock: in a test under `#[tokio::test(start_paused = true)]`, an hour's delay
//! takes no time.
//!
//! # Errors
//!
//! A step fails with any error that [`anyhow::Error`] can be made of. [`permanent`] marks one that
//! a further attempt will not mend, [`retry_after`] one that says when to try again. The result of
//! a failed task is a [`TaskError`]: the step, the number of attempts, the kind and the step's own
//! error.
//!
//! A run that cannot continue, such as one whose journal cannot be written, ends with a [`RunError`]: `execute_tasks` and
//! `recv` return it, and it is the last item of the stream. A run in memory always can.
//!
//! # Features
//!
//! * `durable`: types with serde's `Serialize` and `Deserialize` are [`Storable`], and blueprints
//!   whose payloads all are, [`Durable`]. Off unless asked for; without it nothing needs serde.
//!
//! * `journal`: durable runs, kept in an `SQLite` file: see the module `journal`. Builds `SQLite`, for which it
//!   needs a C compiler. Off unless asked for.
//!
//! * `restate`: the same blueprints on a Restate server, whose workers are anywhere: see the module `restate`. Off
//!   unless asked for.
//!
//! # Layout
//!
//! * [`blueprint`](macro@blueprint): the attribute, and all that it accepts.
//! * [`Orchestrator`]: the settings and the doors; [`TaskSender`] and [`TaskResults`] are their ends.
//! * [`Task`], [`TaskResult`], [`TaskStatus`], [`TaskError`]: what goes in and what comes out; [`RunError`]: why
//!   a run cannot continue.
//! * [`StepContext`]: what a step may know of its task.
//! * [`Rate`]: how often a step may begin.
//! * [`Blueprint`], [`Advance`], [`Bounds`], [`StepInfo`]: what the attribute writes, for those who look behind
//!   it or write it by hand; [`diagram`] draws it.
//! * [`Durable`], [`Storable`]: states that can be stored.

// The README's code is tested like the docs' own.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[doc(hidden)]
#[path = "support.rs"]
pub mod __private;
mod blueprint;
mod bounds;
mod context;
mod diagram;
#[cfg(feature = "restate")]
mod distributed;
mod doors;
mod durable;
mod engine;
mod error;
#[cfg(feature = "restate")]
mod fnv;
#[cfg(feature = "journal")]
pub mod journal;
mod orchestrator;
mod policy;
#[cfg(feature = "restate")]
pub mod restate;
mod task;

pub use blueprint::{Advance, Blueprint, StepInfo, StepKind};
pub use bounds::{Bounds, Rate};
pub use context::StepContext;
pub use diagram::diagram;
pub use doors::{ExecuteTasks, SendError, TaskSender};
pub use durable::{Durable, Storable};
pub use engine::{Order, Stats, TaskResults};
pub use error::{RunError, StepFailure, TaskError, TaskErrorKind, permanent, retry_after};
#[cfg(feature = "journal")]
pub use journal::{Journal, JournalError};
pub use orchestrator::Orchestrator;
pub use orchestrator_macros::blueprint;
pub use policy::Retry;
pub use task::{Task, TaskId, TaskResult, TaskStatus};

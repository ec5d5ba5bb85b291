//! Durable runs: a journal keeps where every task is, and another process goes on from there.
//!
//! ```no_run
//! use orchestrator::{Journal, Orchestrator, Task, blueprint};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order {
//!     number: u64,
//! }
//!
//! struct Ship;
//!
//! #[blueprint]
//! impl Ship {
//!     #[step(timeout = "10s", retry = 2)]
//!     async fn charge(&self, order: &Order) -> anyhow::Result<()> {
//! #       let _ = order.number;
//!         Ok(())
//!     }
//!
//!     #[delay]
//!     fn cool_down(&self) -> std::time::Duration {
//!         std::time::Duration::from_secs(24 * 60 * 60)
//!     }
//!
//!     #[step]
//!     async fn ship(&self, order: Order) -> anyhow::Result<String> {
//!         Ok(format!("order {} is on its way", order.number))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! let orchestrator = Orchestrator::new(Ship).journal(Journal::open("orders.db")?)?;
//! let orders = (1..=1_000).map(|number| Task::new(number, Order { number }));
//! for result in orchestrator.execute_tasks(orders).await? {
//!     println!("{}: {:?}", result.id, result.outcome);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Whatever ends this program (a crash, `kill -9`, the power), run it again with the same tasks: it goes
//! on where it was. What a blueprint needs for it is that its input, its output and the types between its
//! steps have serde's `Serialize` and `Deserialize`; that is asked for here and only here.
//!
//! # What is guaranteed
//!
//! * **What a step returned is on disk before the next step begins.** It never runs again then. Until it
//!   is, the task keeps its permit, so that no more than
//!   [`concurrency`](crate::Orchestrator::concurrency) results are on their way to the disk.
//! * **A step that was executing runs again**, as does one whose result was not on disk yet: steps run at
//!   least once. [`StepContext::idempotency_key`](crate::StepContext::idempotency_key) is the same then:
//!   send it along to whoever must not act twice.
//! * **A delay is neither shortened nor begun anew.** What is left of it is told by the time of day, and
//!   is never more than its full length, whatever was done to the clock meanwhile.
//! * **A crash takes no attempts away**: a step that is retried begins at its first attempt again. A pause
//!   before another attempt is not kept.
//! * **Cancelled is not failed.** A task that was cancelled by a shutdown stays where it was.
//! * **Results come again.** Those that an earlier process may have had are
//!   [marked](crate::TaskResult::replayed).
//! * **After a commit that failed nothing is tried again on this journal.** The run ends with a
//!   [`RunError`](crate::RunError), and what was committed is kept.
//! * **Time that the machine was suspended** counts from the next process on: within one, a delay goes by
//!   tokio's clock, which stands still meanwhile.
//!
//! # Doors
//!
//! | door | a task is in the journal | to go on |
//! | --- | --- | --- |
//! | [`execute_tasks`](crate::Orchestrator::execute_tasks), [`execute_tasks_streaming`](crate::Orchestrator::execute_tasks_streaming) | when its first step has ended | the same tasks in the same order; their ids are compared |
//! | [`channel`](crate::Orchestrator::channel) | when [`send`](crate::TaskSender::send) returns | [`resume`](crate::Orchestrator::resume), or `channel` again |
//!
//! Who does not know whether a task was sent sends it again, where
//! [`unique_ids`](Journal::unique_ids) are asked for: a task that comes again is not run again.
//!
//! A journal is of one run. To forget it, delete the file. A run that is over may be opened again: its
//! results come from the journal, more tasks at the end of the input are taken in, and
//! [`retry_failed`](Journal::retry_failed) runs those again that failed.
//!
//! # Changed code
//!
//! A state is kept as JSON under the name of the step that it stands before. So a blueprint may gain
//! steps, a step may be renamed if the option `name` keeps the old name, and a type may gain a field with
//! `#[serde(default)]`: tasks on their way go on. A blueprint that lost a step at which tasks stand is
//! refused, with those tasks. A value that can't be read ends the run with a [`RunError`](crate::RunError), which
//! names the task. No task fails because of it.
//!
//! JSON has its limits: a float that is no number (NaN, infinity) is written as `null` and can't be read
//! again, `Some(None)` comes back as `None`, and maps have texts or numbers as keys.
//!
//! What else must stay the same for a run to make sense (a hash of its input, say) is put down as a
//! [`fact`](Journal::fact), and compared.
//!
//! # The file
//!
//! An `SQLite` database in WAL mode with `synchronous=FULL` (and `fullfsync` on macOS), written by one
//! thread that commits together what has come together. One process writes; any other may ask for the
//! [`status`](Journal::status) meanwhile, or open it with `SQLite`'s shell (`SELECT * FROM now`). Its mode
//! is 0600. Beside it are `-wal` and `-shm` while it is open, and `.lock`, which stays. Network file systems
//! are refused where they can be told (on Linux), since `SQLite`'s log is not safe there.
//!
//! # What it costs
//!
//! A commit takes as long as the disk takes to sync, some tenths of a millisecond, and one commit is
//! enough for all that ended meanwhile: with thousands of tasks under way, three steps that do nothing come
//! to 300,000 to 450,000 tasks a second, a single task alone to three commits. A task in a delay of more than
//! 10 s is on disk and nowhere else: of a million of them, 26 to 39 MB are in memory, and of four million
//! some 40. (But for a shutdown, which reads them back to give each its result: some 250 bytes a task.)
//!
//! # In tests
//!
//! [`Journal::inline`] commits without a thread, so that a paused clock stands still meanwhile;
//! [`Journal::at`] says what time it is.

mod clock;
mod error;
mod file;
mod horizon;
mod inputs;
mod notebook;
mod record;
mod recording;
mod status;
mod store;
mod unique;

pub use error::JournalError;
pub use file::Journal;
pub use status::{FailureCause, JournalStatus, StepCount};

//! Durable runs: a journal keeps the state of every task, and another process resumes from there.
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
//! Whatever ends this program (a crash, `kill -9`, the power), run it again with the same tasks: it
//! continues where it was. For this the input, the output and the types between the steps of a blueprint need serde's
//! `Serialize` and `Deserialize`.
//!
//! # What is guaranteed
//!
//! * **What a step returned is on disk before the next step begins.** It never runs again then. Until it
//!   is, the task keeps its permit, so that no more than
//!   [`concurrency`](crate::Orchestrator::concurrency) results are on their way to the disk.
//! * **A step that was executing runs again**, as does one whose result was not on disk yet: steps run at
//!   least once. [`StepContext::idempotency_key`](crate::StepContext::idempotency_key) is the same then:
//!   send it along to whoever must not act twice.
//! * **A delay is neither shortened nor begun anew.** On Linux, what is left of it is read from the clock that counts since
//!   boot, so setting the time of day changes nothing. After a restart of the machine, and on other systems in another
//!   process, it is read from the time of day, and is never more than the full delay.
//! * **A crash neither spends nor refunds attempts.** Each failed attempt is recorded with the pause after it, and that pause
//!   is kept like a delay.
//! * **A run is resumed with its own inputs only.** A hash of each task's id and input is written when the task is admitted. A run
//!   stops at the first task with another input, before that task begins a step. (Of tasks that were admitted within the
//!   last milliseconds before a crash, the hash may not be on disk.)
//! * **Cancelled is not failed.** A task that was cancelled by a shutdown stays where it was.
//! * **Results come again.** Those that an earlier process may have had are
//!   [marked](crate::TaskResult::replayed).
//! * **After a commit that failed nothing is tried again on this journal.** The run ends with a
//!   [`RunError`](crate::RunError), and what was committed is kept.
//! * **Time in which the machine was suspended** counts, on Linux, for delays that wait on disk (longer than 10 s). A delay in
//!   memory does not count it until the next process: tokio's clock stands still meanwhile.
//! * **Damage is refused, not read.** Each record has a checksum, and each commit writes a summary that everything else must agree with.
//!   A journal that is damaged, or whose write-ahead log is missing or of another time, is an error that says so. Not
//!   noticed is a write-ahead log that lacks its end, since it looks like that of an earlier crash; and a missing one, if
//!   another program was reading the journal all the time from when the run opened it.
//!
//! # Execution modes
//!
//! | mode | a task is in the journal | to resume |
//! | --- | --- | --- |
//! | [`execute_tasks`](crate::Orchestrator::execute_tasks), [`execute_tasks_streaming`](crate::Orchestrator::execute_tasks_streaming) | when its first step has ended | the same tasks in the same order; ids and inputs are compared |
//! | [`channel`](crate::Orchestrator::channel) | when [`send`](crate::TaskSender::send) returns | [`resume`](crate::Orchestrator::resume), or `channel` again |
//!
//! A sender that does not know whether a task was sent may send it again if
//! [`unique_ids`](Journal::unique_ids) is set: a task that comes again is not run again.
//!
//! A journal is of one run. [`Journal::delete`] deletes it. A finished run may be opened again: its
//! results come from the journal, more tasks at the end of the input are admitted, and
//! [`retry_failed`](Journal::retry_failed) runs those again that failed.
//!
//! # Changed code
//!
//! A state is stored as JSON under the name of its next step. So a blueprint may gain
//! steps, a step may be renamed if the option `name` keeps the old name, and a type may gain a field with
//! `#[serde(default)]`. (If this is the type of the input, its JSON changes, and with it the hash:
//! [`accept_changed_inputs`](Journal::accept_changed_inputs).) A blueprint that has lost a step that tasks wait for is
//! refused, with those tasks. A value that can't be read ends the run with a [`RunError`](crate::RunError), which
//! names the task. No task fails because of it.
//!
//! JSON has its limits: a float that is no number (NaN, infinity) is written as `null` and can't be read
//! again, `Some(None)` comes back as `None`, and maps have texts or numbers as keys. An input with a `HashMap` or a
//! `HashSet` is serialized in another order in each process, so its hash differs and the run is not resumed: use a
//! `BTreeMap` or a `BTreeSet`.
//!
//! Other values that must stay the same for a run to make sense, such as settings, are stored as
//! [`fact`](Journal::fact)s and compared.
//!
//! # The file
//!
//! An `SQLite` database in WAL mode with `synchronous=FULL` (and `fullfsync` on macOS), written by one
//! thread that commits together what has come together. One process writes it; any other may read its
//! [`status`](Journal::status) meanwhile, or open it with `SQLite`'s shell (`sqlite3 -readonly`, `SELECT * FROM now`). Its mode
//! is 0600. Beside it are `-wal` and `-shm` while it is open and after a crash; **the three belong together**, so move and copy them
//! together, while no run is using them. A run whose journal is moved, deleted, replaced or cut off ends with an error. On Linux the
//! lock is on the file itself. Elsewhere it is on a file `.lock` beside it, which stays, and these changes are not all noticed.
//! Network file systems are refused on Linux, since `SQLite`'s log is not safe there.
//!
//! A program that reads the journal in one long transaction keeps the write-ahead log from being copied into the main file, so the log
//! grows. The run warns of that by [`tracing`] from 128 MB on, and [`status`](Journal::status) reports it.
//!
//! # What it costs
//!
//! A commit takes as long as the disk takes to sync, some tenths of a millisecond, and one commit is
//! enough for all that ended meanwhile: with thousands of tasks in flight, three steps that do nothing reached
//! half of the records a second of a bare `SQLite` writer, and a task alone takes three commits. A task in a delay of more than
//! 10 s is on disk and nowhere else: of a million of them, 35 MB are in memory, and of four million 55. (A shutdown reads them back to give each its result: some 250 bytes a task.) A finished task with an output of 26
//! bytes takes 62 bytes on disk. Opening scans all records, which took 0.9 s for a million waiting tasks. A value of 512 bytes or more that does not change from step to step is stored once.
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

//! Outgrow one machine: the same blueprint on a [Restate](https://restate.dev) server, whose workers are
//! anywhere.
//!
//! Restate is a server that keeps what each step of a task came to, and calls a process, a *worker*, to take
//! the next one. A blueprint needs no change for it: its input, its output and the types between its steps
//! have serde's `Serialize` and `Deserialize`, as for a journal.
//!
//! ```no_run
//! # use orchestrator::blueprint;
//! # struct Ship;
//! # #[blueprint]
//! # impl Ship {
//! #     #[step]
//! #     async fn ship(&self, order: u64) -> anyhow::Result<u64> { Ok(order) }
//! # }
//! use orchestrator::Task;
//! use orchestrator::restate::{Client, Worker};
//!
//! // In as many processes as there is work for:
//! # async fn worker() -> anyhow::Result<()> {
//! Worker::new()
//!     .serve(Ship)?
//!     .register("http://127.0.0.1:9070")
//!     .listen("127.0.0.1:9080")
//!     .await?;
//! # Ok(())
//! # }
//!
//! // In the one that has the tasks:
//! # async fn client(orders: Vec<Task<u64>>) -> anyhow::Result<()> {
//! let orchestrator = Client::<Ship>::new("http://127.0.0.1:8080")?
//!     .run("orders-of-monday")?
//!     .orchestrator();
//! let results = orchestrator.execute_tasks(orders).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The second one is an [`Orchestrator`](crate::Orchestrator), so its doors, its window, its order, its
//! shutdown and its results are those of one that runs the steps itself.
//!
//! # From one process to a cluster, in five commands
//!
//! ```sh
//! cargo run --release --example csv_runner -- tasks.csv > results.csv     # one process
//! npm install @restatedev/restate-server                                  # on each machine of the cluster
//! npx restate-server --default-num-partitions 4                           # one node, or a cluster: below
//! cargo run --release --example csv_runner -- worker --register http://127.0.0.1:9070
//! cargo run --release --example csv_runner -- --restate http://127.0.0.1:8080 tasks.csv > results.csv
//! ```
//!
//! For a cluster of three nodes, of which any one may be lost, the third command is
//!
//! ```sh
//! RESTATE_METADATA_CLIENT__ADDRESSES='[http://a:5122,http://b:5122,http://c:5122]' \
//! RESTATE_DEFAULT_REPLICATION=2 RESTATE_AUTO_PROVISION=true \
//! npx restate-server --cluster-name orders --node-name a --advertised-host a --default-num-partitions 4
//! ```
//!
//! on the machine `a`, and with `RESTATE_AUTO_PROVISION=false` and their own names on `b` and `c`. (So does
//! `cluster` in `tests/restate/server.rs`, with all three on one machine, at ports of their own.)
//!
//! # What is guaranteed
//!
//! | | in memory | with a journal | on Restate |
//! | --- | --- | --- | --- |
//! | a step that was begun and has no result when its process dies | is lost with all tasks | runs again | runs again, there or elsewhere |
//! | a step whose result is kept | | never runs again | never, while a node has it; when a cluster fails over, the last ones may run again |
//! | [idempotency key](crate::StepContext::idempotency_key) | the same for all attempts | and all processes | and all machines |
//! | attempts and the pauses between them | | begin anew after a crash | are kept |
//! | a delay | tokio's clock | the time of day: neither shortened nor begun anew | the same; the clocks of workers and server have to agree |
//! | `timeout`, `when`, [`permanent`](crate::permanent), [`retry_after`](crate::retry_after), panics, early exits | yes | yes | yes |
//! | `limit` and `rate` of a step | over all runs of an orchestrator | the same | in each worker, over all its tasks |
//! | [`concurrency`](crate::Orchestrator::concurrency) | steps that execute | steps that execute, or wait for their commit | of a client: tasks under way; of a worker: steps that execute |
//! | what runs when the program that has the tasks ends | nothing | nothing | all that was submitted |
//! | a shutdown | cancels what is left | leaves it where it is | of a client: leaves it under way; of a worker: others take over |
//! | the same tasks again | run again | go on, and give what they gave | attach to what is under way or has ended, for as long as it is [kept](Worker::retention) |
//! | another task in the place of one | | ends the run with an error | is [refused](crate::TaskErrorKind::Refused), it alone |
//! | values | as they are | JSON when they are read back | JSON after each step |
//! | steps that are no more | | refuse the journal | see "Changed code" |
//!
//! Each attempt is kept under the name of its step, and each pause, before another attempt or in a delay, is a
//! timer of the server's: both can be looked at in its console. The retry policy is the blueprint's own, and
//! what an attempt failed of is kept with it. What is retried by the server's policy is what concerns the
//! worker alone: it is gone, or has other code.
//!
//! # Cancelling
//!
//! A task is cancelled by its invocation's id, with `restate invocations cancel`, in the console, or by a
//! `PATCH` of `/invocations/ID/cancel` at the admin API. If it waits, in a delay, for another attempt or for
//! a `limit` or a `rate`, it ends at once; if a step of it executes, when that has ended. Its result is an
//! error of the kind [`Cancelled`](crate::TaskErrorKind::Cancelled), with the step; an attempt that may have
//! begun counts. Its key in the table `sys_invocation` is the run's name and its place, `orders-of-monday/7`.
//!
//! # Changed code
//!
//! A server goes on with a task at the URL where it was begun. So new code gets a URL of its own
//! (another port, another path of the load balancer): new tasks go there from its registration on, and the old
//! code stays served until it has no tasks left (`SELECT * FROM sys_invocation WHERE
//! pinned_deployment_id = '…'` at `/query` of the admin API).
//!
//! Who puts it in the place of the old one is told. A registration is refused if the URL is known with other
//! steps of a blueprint. A worker that is called all the same, for a task whose steps were recorded by a
//! pipeline with other names, kinds or order of steps, does not go on: the task's last failure says what differs,
//! and when the old code is back it goes on. (Where the first step has another name, the server says so itself:
//! `RT0016`, journal mismatch.) A value between steps that can't be read is told and waited for in the same
//! way; an input that can't be read fails its task, of which nothing is recorded yet. A step's body may change
//! at will, a step be renamed if `name` keeps the old name, and a type gain a field with `#[serde(default)]`.
//!
//! # Sizing
//!
//! * **Partitions** (`--default-num-partitions`): twice the cores of the cluster, about. 24, which is what a
//!   server makes unless told, is too many for two cores. It can't be made less later.
//! * **Tasks under way**: a server keeps a call open to a worker for each task that executes or waits, up to
//!   `RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT` (1,000) and for
//!   `RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT` (a minute) of a wait; then it has the task go on by a new
//!   call when its time comes. So with many tasks in short delays set the limit above their number.
//! * **Workers** of one URL: several processes behind a load balancer that speaks HTTP/2, or passes TCP
//!   through; [`Worker::advertise`] has the URL. A second URL that is registered is not a replica, but the
//!   next version of the code.
//! * **Steps that take long**: a step that takes longer than the [longest step](Worker::longest_step) is
//!   given up by the server and runs again, again and again, which the worker warns of by [`tracing`]. Set that
//!   above what a step may take. To wait for a `limit` or a `rate` does not count.
//! * **A `limit` or a `rate` that many wait for**: a task that has waited for the inactivity timeout asks anew,
//!   behind those that wait with it, and that is recorded; so where hours are waited for, keep fewer tasks under way
//!   (the client's [`concurrency`](crate::Orchestrator::concurrency)), or set that timeout higher.
//! * **What is logged**: a worker warns by [`tracing`] of tasks that do not go on. The SDK (target `restate_sdk`)
//!   also warns of each call that a server ends while its task waits, `Suspended invocation`, which is as it
//!   should be.
//! * **Values** are JSON, with its limits: `Some(None)` comes back as `None`, and a step fails that gives what can't
//!   be read back, such as a float that is no number. A server takes messages of up to 32 MiB: a task fails whose
//!   input, value between steps or output is larger. A worker takes 8 MiB for the input of a task and all that its
//!   steps return; [`Worker::max_request_body`] sets another bound. What an error says is cut after 64 KiB. An input is told
//!   from another by its JSON, with the fields of maps in order; a `HashSet` has no order, so use a `BTreeSet`
//!   where a run is to be gone on with.
//! * **What has ended is kept for a day**, on the server's disk; [`Worker::retention`] says how long.
//!
//! # Security
//!
//! A worker listens where it is told, and `csv_runner worker` at loopback unless told otherwise. Whoever
//! reaches it can have steps run with any input, so elsewhere give it the server's
//! [identity key](Worker::identity_key): it then answers signed calls alone. The body of a call is
//! [bounded](Worker::max_request_body) with and without a key. The ingress and the admin API of a
//! server have no authentication of their own: keep them inside, or behind a proxy that has
//! ([`Client::http`] sends what that asks for, and the header `x-restate-id` of the answers has to come
//! through). Inputs, outputs and the values between steps are stored by the server as they are, and shown in its
//! console. Passwords in the URLs of a server are in no message.
//!
//! # Licence
//!
//! The server is under the Business Source License 1.1: its source is open to read, each release becomes
//! Apache-2.0 after four years, and until then you may run it in production for yourself, but not offer
//! Restate as a managed service to others. The Rust SDK, which a worker is built on, is under MIT.
//!
//! # In the making
//!
//! A blueprint is a service of Restate's with its [name](crate::Blueprint::NAME), and one handler, `run`.
//! Other programs may call it: `POST /Ship/run` at the ingress with `{"input": …}`, and an `idempotency-key` of
//! their own. They are answered `{"output": …}` (with what the task is told by from others), or 422 with a
//! message that is JSON: the step, its attempts, the kind and the cause.

mod address;
mod answer;
mod client;
mod error;
mod ingress;
mod lanes;
mod line;
mod reach;
mod registration;
mod server;
mod service;
mod worker;

use std::time::Duration;

pub use self::client::{Client, ClientState, Submitted};
pub use self::error::RestateError;
pub use self::worker::Worker;

/// The one handler of each service.
const HANDLER: &str = "run";

/// The code of a failure of the blueprint's own, whose message is all of it as JSON.
const FAILED: u16 = 422;

/// The code for a task that somebody cancelled.
const CANCELLED: u16 = 409;

/// What is longer is this long to a server, whose calendar and timers end somewhere.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Under what a service tells the fingerprint of its steps, and their names.
const PIPELINE: &str = "orchestrator.pipeline";
const STEPS: &str = "orchestrator.steps";

//! The attribute `#[blueprint]` of the crate `orchestrator`, which is where to use it from.
//!
//! # Layout
//!
//! What the user wrote goes through three stages, each of which knows nothing of the next:
//!
//! * `parse` takes the tokens apart (`attributes`, `conditions`, `entries`);
//! * `model` makes a checked pipeline of them (`signature`, `types`, `generics`, and for the options
//!   `options`, `values`, `duration`, `rate`);
//! * `expand` writes code from the model alone (`names`, `clauses`, `info`, `run`, `arm`,
//!   `expressions`, `durable`).
//!
//! Where a step hangs on a `cfg`, a `probe` stands between the first stage and the second.
//!
//! Every stage adds what it finds wrong to the same `Errors`.

mod arm;
mod attributes;
mod clauses;
mod conditions;
mod docs;
mod durable;
mod duration;
mod entries;
mod errors;
mod expand;
mod expressions;
mod generics;
mod info;
mod kept;
mod lints;
mod model;
mod names;
mod options;
mod parse;
mod probe;
mod rate;
mod run;
mod signature;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod values;

use proc_macro::TokenStream;

/// Makes a pipeline of the marked fns of an `impl` block.
///
/// The fns marked `#[step]` or `#[delay]` are the pipeline, in source order. Other fns are left
/// alone, and the steps stay ordinary methods, to be called in a unit test.
///
/// ```
/// use std::time::Duration;
///
/// use orchestrator::{Orchestrator, Task, blueprint};
///
/// struct Order(u64);
/// struct Fetched(String);
///
/// struct ProcessData {
///     delay: Duration,
/// }
///
/// #[blueprint]
/// impl ProcessData {
///     /// GET the endpoint.
///     #[step(timeout = "10s", retry(times = 2, backoff = "200ms"))]
///     async fn fetch_data(&self, order: &Order) -> anyhow::Result<()> {
///         anyhow::ensure!(order.0 != 13, "no such order");
///         Ok(())
///     }
///
///     #[step]
///     async fn convert(&self, order: Order) -> Fetched {
///         Fetched(format!("order {}", order.0))
///     }
///
///     /// Let the upstream settle.
///     #[delay]
///     async fn long_delay(&self, _: &Fetched) -> Duration {
///         self.delay
///     }
///
///     /// Tell the operator.
///     #[step]
///     async fn emit_event(&self, fetched: &Fetched) -> anyhow::Result<()> {
///         println!("{}", fetched.0);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let blueprint = ProcessData { delay: Duration::from_millis(5) };
/// let tasks = vec![Task::new(1, Order(12)), Task::new(2, Order(13))];
/// let results = Orchestrator::new(blueprint).execute_tasks(tasks).await;
/// assert_eq!(results[0].outcome.as_ref().unwrap().0, "order 12");
/// let error = results[1].outcome.as_ref().err().unwrap();
/// assert_eq!(error.to_string(), "fetch_data: no such order (3 attempts)");
/// # }
/// ```
///
/// * [The value that flows](#the-value-that-flows): what a step takes and returns, and
///   [how it ends a task early](#a-way-out-before-the-end)
/// * [`#[step(…)]`](#step): `timeout`, `retry`, `limit`, `rate`, `name`
/// * [`#[delay]`](#delay)
/// * [`#[blueprint(…)]`](#blueprint): `name`, `crate`
/// * [Generic blueprints](#generic-blueprints), [`cfg` and other attributes](#cfg-and-other-attributes)
/// * [What is generated](#what-is-generated), and [what the compiler says when](#what-the-compiler-says-when)
///
/// # The value that flows
///
/// A task carries one value from step to step. **By value transforms, by reference observes.**
///
/// | a step that takes | returns | and then flows |
/// | --- | --- | --- |
/// | `x: A` | `B` or `Result<B, E>` | the `B` |
/// | `x: A` | `ControlFlow<Output, B>`, or a `Result` of it | the `B`, or the task is done |
/// | `x: &A` | nothing or `Result<(), E>` | the same `A` |
/// | `x: &A` | `ControlFlow<Output>`, or a `Result` of it | the same `A`, or the task is done |
/// | no value | the same as with `x: &A` | what flowed before |
/// | a delay: `x: &A` or no value | `Duration` or `Result<Duration, E>` | what flowed before, after so long |
///
/// * What one step yields is what the next step that names a type takes, or it does not compile:
///   ``step `emit_event` takes `Order`, but the step before it yields `Fetched` ``.
/// * The blueprint's input is what the first step that names a type takes, its output what flows
///   after the last step. Where nothing names a type, it is `()`.
/// * `E` is `anyhow::Error` or any error that converts into it. Whether a step can fail is told by the
///   last word of its return type: `Result`, `anyhow::Result<T>`, `std::io::Result<T>`; whether it can
///   end the task early, by `ControlFlow` in the same way. One that goes by another name is refused, since
///   the task would complete with an `Err` or a `Break` inside. A `Result` in a `Result` is a value: the
///   outer one says how the step fails.
/// * The value is owned and `Send`, and `Sync` too where a step observes it. Borrowed and unsized
///   types, and `impl Trait`, are refused.
/// * A step may take `cx: &StepContext` as its last argument: the task's id and ordinal, the number of the
///   attempt, an idempotency key, and a token that tells of a shutdown.
///
/// ## A way out before the end
///
/// `ControlFlow::Break(output)` ends the task with this output, `ControlFlow::Continue(value)` goes on:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use orchestrator::{Orchestrator, Task, blueprint};
///
/// struct Cached;
///
/// #[blueprint]
/// impl Cached {
///     /// What is known already needs no request.
///     #[step]
///     async fn look_up(&self, id: &u64) -> ControlFlow<String> {
///         if *id == 1 {
///             return ControlFlow::Break("cached".to_owned());
///         }
///         ControlFlow::Continue(())
///     }
///
///     #[step]
///     async fn fetch(&self, id: u64) -> anyhow::Result<String> {
///         Ok(format!("fetched {id}"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let tasks = [Task::new(1, 1), Task::new(2, 2)];
/// let results = Orchestrator::new(Cached).execute_tasks(tasks).await;
/// let outputs: Vec<_> = results.into_iter().map(|result| result.outcome.unwrap()).collect();
/// assert_eq!(outputs, ["cached", "fetched 2"]);
/// # }
/// ```
///
/// # `#[step(…)]`
///
/// | option | | unless given |
/// | --- | --- | --- |
/// | [`timeout = "10s"`](#timeout) | an attempt that takes longer is dropped, and has failed | no limit |
/// | [`retry = 2`](#retry) | up to so many further attempts after the first | a failed step fails its task |
/// | [`limit = 10`](#limit) | the most tasks in the step at once | as many as execute at all |
/// | [`rate = "100/s"`](#rate) | how often the step begins | no limit |
/// | [`name = "fetch"`](#name) | what the step is called at run time | the fn's name |
///
/// Durations are string literals (`"250ms"`, `"1.5s"`, `"1h30m"`; the units are `ns`, `us`, `ms`, `s`,
/// `m`, `h` and `d`), or expressions of type `Duration`. All options but `name` may be expressions with
/// `self` in scope:
///
/// ```
/// # use std::time::Duration;
/// # use orchestrator::{Rate, blueprint};
/// struct Fetch {
///     patience: Duration,
///     attempts: u32,
///     connections: usize,
///     quota: Rate,
/// }
///
/// #[blueprint]
/// impl Fetch {
///     #[step(
///         timeout = self.patience,
///         retry(times = self.attempts, backoff = self.patience / 10),
///         limit = self.connections,
///         rate = self.quota,
///     )]
///     async fn fetch(&self, url: String) -> anyhow::Result<String> {
///         Ok(url)
///     }
/// }
/// ```
///
/// ## `timeout`
///
/// Each attempt may take so long. Then its future is dropped and the attempt has failed, as one that may be
/// tried again. An expression is evaluated for each attempt.
///
/// ## `retry`
///
/// | | | unless given |
/// | --- | --- | --- |
/// | `times = 2` | up to so many further attempts after the first: a whole number, or an expression of type `u32` | has to be given |
/// | `backoff = "200ms"` | the pause before the first retry; it doubles for each further one, and is shortened at random by up to a half | 100 ms |
/// | `max = "10s"` | the longest pause, at least `backoff` | 30 s |
/// | `when = is_passing` | a path or closure, `fn(&E) -> bool`: which of the step's own errors are worth another attempt | all |
///
/// An attempt that timed out is retried whatever `when` says; an error marked `permanent`, and a panic,
/// never. An error marked `retry_after` says itself how long to wait. A step that takes its value by value
/// needs it to be `Clone`; it is cloned only if another attempt is left. While a task waits for its next
/// attempt it is a plain value, and holds no place of a `limit`. Expressions are evaluated for each attempt.
///
/// ```
/// # use std::time::Duration;
/// # use orchestrator::blueprint;
/// # struct Import;
/// #[blueprint]
/// impl Import {
///     #[step(retry(times = 4, backoff = "50ms", max = "5s", when = |error| error.kind() != std::io::ErrorKind::NotFound))]
///     async fn open(&self, path: String) -> std::io::Result<String> {
///         Ok(path)
///     }
/// }
/// ```
///
/// ## `limit`
///
/// At most so many tasks are in the step at once, over all runs of the orchestrator (and of its clones).
/// Who has to wait is a plain value that holds no permit of the concurrency, and is served in the order in
/// which the tasks came to the step. An expression is of type `usize`, and is evaluated once, when the
/// orchestrator is made; so it is with `rate`.
///
/// ## `rate`
///
/// The step begins so often and no more, over all runs of the orchestrator, evenly spread: `"100/s"` is once
/// in 10 ms. Time in which nothing began is not made up for. Each attempt counts. A task waits for its turn
/// as a plain value. The literal is a number and a time (`"100/s"`, `"30/m"`, `"3/10s"`); an expression is of
/// type [`Rate`](https://docs.rs/orchestrator/latest/orchestrator/struct.Rate.html).
///
/// ## `name`
///
/// What the step is called in errors, in diagrams, in idempotency keys and where its states are stored. Give
/// it when you rename the fn, so that tasks that were stored find their step again. A string literal of
/// letters, digits, `_`, `-` and `.`; each step needs one of its own.
///
/// # `#[delay]`
///
/// A delay says how long the task waits, and the engine does the waiting. It returns a `Duration` or a
/// `Result<Duration, E>`, sees the value by reference or not at all, and may be `async` or not. Its only
/// option is `name`.
///
/// ```
/// # use std::time::Duration;
/// # use orchestrator::blueprint;
/// # struct Reminder;
/// # struct Invoice { overdue_days: u64 }
/// #[blueprint]
/// impl Reminder {
///     #[delay(name = "grace")]
///     fn grace_time(&self, invoice: &Invoice) -> Duration {
///         Duration::from_secs(invoice.overdue_days * 24 * 60 * 60)
///     }
///
///     #[step]
///     async fn remind(&self, _: &Invoice) {}
/// }
/// ```
///
/// # `#[blueprint(…)]`
///
/// * `name = "orders"`: what the blueprint is called at run time, above all in stored runs; the type's name
///   unless given.
/// * `crate = path::to::orchestrator`: the runtime crate, where it goes by another path than
///   `::orchestrator`, such as that of a dependency that was renamed, or re-exported.
///
/// # Generic blueprints
///
/// The block may have type and const parameters and a `where` clause, but no lifetimes. What the
/// blueprint needs beyond the bounds written is added to what is generated: `Self: Send + Sync +
/// 'static`, and `Send + 'static` for each parameter that a type between the steps holds (`T` in
/// `Vec<T>`, `S::Item` in `Option<S::Item>`), `Sync` too where a step observes that type. A trait whose
/// async fns are called by a step promises that they are `Send`:
///
/// ```
/// use orchestrator::blueprint;
///
/// trait Fetch: Send + Sync + 'static {
///     fn fetch(&self, url: &str) -> impl Future<Output = anyhow::Result<String>> + Send;
/// }
///
/// struct Pages<F>(F);
///
/// #[blueprint]
/// impl<F: Fetch> Pages<F> {
///     #[step(retry = 2)]
///     async fn fetch(&self, url: String) -> anyhow::Result<String> {
///         self.0.fetch(&url).await
///     }
/// }
/// ```
///
/// # `cfg` and other attributes
///
/// A step may hang on a `cfg`, and so may its mark:
///
/// ```
/// # use orchestrator::blueprint;
/// # struct Deploy;
/// #[blueprint]
/// impl Deploy {
///     #[cfg(unix)]
///     #[step]
///     async fn copy(&self, path: &String) {}
///
///     #[cfg(not(unix))]
///     #[step]
///     async fn copy(&self, path: &String) {}
///
///     #[cfg_attr(debug_assertions, step(timeout = "1s"))]
///     async fn check(&self, path: &String) {}
/// }
/// ```
///
/// Other attributes stay where they are: doc comments (which are a part of `Blueprint::STEPS`, too),
/// `#[must_use]`, `#[tracing::instrument]`, and so on. `#[cfg(…)]` on the block, and what `#[allow(…)]` and
/// `#[expect(…)]` on the block or on a step silence, hold for what is generated, too. Lints whose advice a
/// step's signature can't follow, such as `clippy::unused_async`, are silenced on the steps (a crate that
/// has one of them under `forbid` gets rustc's E0453: use `deny`). What an option's own expression does, such
/// as to name something deprecated, happens in generated code: there `#[allow(…)]` it is, for an
/// `#[expect(…)]` would wait for it in the step.
///
/// # What is generated
///
/// The block as it was written, and beside it, in short, for the steps `fetch_data`, `convert` and
/// `long_delay` above:
///
/// ```text
/// const _: () = {
///     use ::orchestrator as __orchestrator;
///
///     enum __Steps { fetch_data(Order), convert(Order), long_delay(Fetched), … }
///     pub struct __State(__Steps);
///
///     // One for each async step: that its future is not `Send` is so said under the step's name.
///     fn __run_fetch_data<'a>(this: &'a ProcessData, value: &'a Order)
///         -> impl Future<Output = anyhow::Result<()>> + Send + 'a
///     {
///         <ProcessData>::fetch_data(this, value)
///     }
///
///     impl __orchestrator::Blueprint for ProcessData {
///         type Input = Order;
///         type Output = Fetched;
///         type State = __State;
///         const NAME: &'static str = "ProcessData";
///         const STEPS: &'static [StepInfo] = &[
///             StepInfo::new("fetch_data", StepKind::Step, type_name::<Order>, type_name::<Order>)
///                 .with_doc("GET the endpoint.").with_timeout("10s").with_retry("times = 2, …"),
///             …
///         ];
///
///         fn advance(&self, state: __State, cx: &StepContext)
///             -> impl Future<Output = Advance<__State, Fetched>> + Send
///         {
///             async move {
///                 match state.0 {
///                     __Steps::fetch_data(value) => {
///                         let limit = Duration::new(10, 0);
///                         let step = pin!(__run_fetch_data(self, &value));
///                         match outcome_within(within(limit, step).await) {
///                             Ok(()) => Advance::Next(__State(__Steps::convert(value))),
///                             Err(failure) => failed(failure, Some(__State(__Steps::fetch_data(value))), …),
///                         }
///                     }
///                     __Steps::convert(value) => {
///                         let value = __run_convert(self, value).await;
///                         Advance::Next(__State(__Steps::long_delay(value)))
///                     }
///                     __Steps::long_delay(value) => {
///                         let pause = __run_long_delay(self, &value).await;
///                         Advance::Park { state: __State(__Steps::emit_event(value)), pause }
///                     }
///                     …
///                 }
///             }
///         }
///     }
///
///     impl __orchestrator::Durable for ProcessData where Order: Storable, Fetched: Storable { … }
/// };
/// ```
///
/// A state is stored under the name of its step. The types between the steps may be private; input
/// and output are as visible as the blueprint. The condition of `Durable` is asked only where a
/// blueprint is made durable: in memory, nothing has to be serializable. Whole expansions are in
/// `orchestrator-macros/src/tests/expansions` of the repository.
///
/// # What the compiler says when
///
/// All that the attribute finds wrong is said at once. The block stays in place, with a stub for the
/// pipeline, so that nothing else fails for it.
///
/// | it says | since | so |
/// | --- | --- | --- |
/// | ``step `b` takes `X`, but the step before it yields `Y` `` | neighbours do not fit | change one of the types, or put a step between |
/// | ``step `a` ends the task with `X`, but the blueprint's output is `Y` `` | `Break` holds the output | break with a `Y` |
/// | ``step `a` only looks at the value, so what it returns has nowhere to go`` | `&A` observes | take `A` to replace it |
/// | ``step `a` takes no value, so what it returns has nowhere to go`` | the same | take the value that it replaces, for a first step `_: ()` |
/// | ``future returned by `a` is not `Send` `` | something that is not `Send` is held across an `.await` (an `Rc`, a `MutexGuard`, a client trait's future) | let go of it before; in a trait of yours, write `fn get(&self) -> impl Future<Output = …> + Send` |
/// | ``cannot be sent between threads … required by `carried_between_steps` `` | a value between steps is not `Send` | `Arc` for `Rc`, and so on |
/// | ``cannot be shared between threads … required by `shared` `` | all tasks share the blueprint | `Mutex` or an atomic for `Cell` |
/// | ``a step that is retried and takes `X` by value needs it to be `Clone` `` | another attempt needs the value again | `#[derive(Clone)]`, or take `&X` |
/// | ``a step returns a `Result` under another name`` | its error would be a value that flows | name it `Result` |
/// | ``a step returns a `ControlFlow` under another name`` | its `Break` would be a value that flows | name it `ControlFlow` |
/// | ``a step takes its `StepContext` under another name`` | it would be the value that flows | name it `StepContext` |
/// | ``the trait bound `T: Clone` is not satisfied … required by `keep` `` | the step is retried and takes a `T` | bound `T: Clone` on the `impl`, or take `&T` |
/// | `` `X` can't be the error of a step`` | `anyhow` does not take it | implement `std::error::Error` for it |
/// | `the value between steps is owned`, ``  `str` has no fixed size`` | a waiting task outlives every borrow | own it: `String`, `Vec`, `Arc` |
/// | `a step can't be generic` | nothing would choose its types | put the parameters on the `impl` |
/// | `10: which unit?`, `100 in what time?` | numbers alone say neither | `"10s"`, `"100/s"` |
/// | ``unknown option `tiemout`: did you mean `timeout`?`` | | |
/// | ``step `a` can't fail: …, so there is nothing to retry`` | no `Result`, no `timeout` | leave `retry` out |
/// | ``step `a` goes by the name `x`, too`` | stored tasks could not tell them apart | give it another `name` |
/// | `` `X` can't be stored in a journal`` | where a blueprint is made durable | `#[derive(Serialize, Deserialize)]` |
/// | ``conflicting implementations of trait `Blueprint` `` | two blocks of one type are marked | a type has one blueprint |
#[proc_macro_attribute]
pub fn blueprint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::blueprint(arguments.into(), item.into()).into()
}

/// Makes the pipeline of a block whose steps hang on a `cfg`. Not for anybody else.
#[doc(hidden)]
#[proc_macro_derive(Conditional, attributes(__step, __delay, __block, __signature))]
pub fn conditional(probe: TokenStream) -> TokenStream {
    expand::probed(probe.into()).into()
}

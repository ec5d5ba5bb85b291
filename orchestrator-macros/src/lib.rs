//! The attribute `#[blueprint]` of the crate `orchestrator`, which is where to use it from.
//!
//! # Layout
//!
//! What the user wrote goes through three stages, each of which knows nothing of the next:
//!
//! * `parse` takes the tokens apart (`attributes`, `entries`);
//! * `model` makes a checked pipeline of them (`signature`, `options`, `duration`, `types`);
//! * `expand` writes code from the model alone (`names`, `run`, `arm`, `durable`).
//!
//! Every stage adds what it finds wrong to the same `Errors`.

mod arm;
mod attributes;
mod conditions;
mod durable;
mod duration;
mod entries;
mod errors;
mod expand;
mod expressions;
mod generics;
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
/// # The value that flows
///
/// A task carries one value from step to step. **By value transforms, by reference observes.**
///
/// | a step that takes | returns | and then flows |
/// | --- | --- | --- |
/// | `x: A` | `B` or `Result<B, E>` | the `B` |
/// | `x: &A` | nothing or `Result<(), E>` | the same `A` |
/// | no value | nothing or `Result<(), E>` | what flowed before |
///
/// * What one step yields is what the next step that names a type takes, or it does not compile:
///   ``step `emit_event` takes `Order`, but the step before it yields `Fetched` ``.
/// * The blueprint's input is what the first step that names a type takes, its output what flows
///   after the last step. Where nothing names a type, it is `()`.
/// * `E` is `anyhow::Error` or any error that converts into it. Whether a step can fail is told by the
///   last word of its return type: `Result`, `anyhow::Result<T>`, `std::io::Result<T>`. A `Result` that
///   goes by another name is refused, since the task would complete with an `Err` inside.
/// * The value is owned and `Send`, and `Sync` too where a step observes it. Borrowed and unsized
///   types, and `impl Trait`, are refused.
/// * A step may take `cx: &StepContext` as its last argument.
///
/// # `#[step(…)]`
///
/// | option | | unless given |
/// | --- | --- | --- |
/// | `timeout = "10s"` | an attempt that takes longer is dropped, and has failed | no limit |
/// | `retry = 2` | short for `retry(times = 2)` | a failed step fails its task |
/// | `retry(times = 2)` | up to so many further attempts after the first | |
/// | `retry(…, backoff = "200ms")` | the pause before the first retry; it doubles for each further one, and is shortened at random by up to a half | 100 ms |
/// | `retry(…, max = "10s")` | the longest pause, at least `backoff` | 30 s |
/// | `retry(…, when = is_passing)` | a path or closure, `fn(&E) -> bool`: which of the step's own errors are worth another attempt | all |
///
/// * A duration is a string literal (`"250ms"`, `"1.5s"`, `"1h30m"`; the units are `ns`, `us`, `ms`,
///   `s`, `m`, `h` and `d`), or any expression of type `Duration`. A number of attempts is a literal or
///   any expression of type `u32`. Expressions have `self` in scope and are evaluated for each attempt.
/// * An attempt that timed out is retried whatever `when` says; an error marked `permanent`, and a
///   panic, never.
/// * A step that is retried and takes its value by value needs it to be `Clone`; it is cloned only if
///   another attempt is left.
///
/// # `#[delay]`
///
/// A delay says how long the task waits, and the engine does the waiting. It returns a `Duration` or a
/// `Result<Duration, E>`, sees the value by reference or not at all, and may be `async` or not. It takes
/// no options.
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
/// # What is generated
///
/// The block as it was written, and beside it, in short:
///
/// ```text
/// enum Steps { fetch_data(Order), convert(Order), long_delay(Fetched), emit_event(Fetched) }
/// pub struct State(Steps);
///
/// impl Blueprint for ProcessData {
///     type Input = Order;
///     type Output = Fetched;
///     type State = State;
///     const STEPS: &'static [StepInfo] = &[…];
///     async fn advance(&self, state: State, cx: &StepContext) -> Advance<State, Fetched> {
///         match state.0 { … one arm a step … }
///     }
/// }
///
/// impl Durable for ProcessData where Order: Storable, Fetched: Storable { … }
/// ```
///
/// A state is stored under the name of its step. The types between the steps may be private; input
/// and output are as visible as the blueprint. The condition of `Durable` is asked only where a
/// blueprint is made durable: in memory, nothing has to be serializable.
///
/// # Arguments
///
/// `#[blueprint(crate = path::to::orchestrator)]` names the runtime crate where it goes by another
/// path than `::orchestrator`.
#[proc_macro_attribute]
pub fn blueprint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::blueprint(arguments.into(), item.into()).into()
}

/// Makes the pipeline of a block whose steps hang on a `cfg`. Not for anybody else.
#[doc(hidden)]
#[proc_macro_derive(Conditional, attributes(step, delay, __block, __signature))]
pub fn conditional(probe: TokenStream) -> TokenStream {
    expand::probed(probe.into()).into()
}

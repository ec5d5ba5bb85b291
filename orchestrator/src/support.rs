//! What the code that `#[blueprint]` writes calls. Not for anybody else: no promise is kept here.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub use anyhow;
pub use orchestrator_macros::Conditional;

use tokio::time::Sleep;

// All that it names, from one place: a path that does not lead here is one error.
pub use crate::{
    Advance, Blueprint, Bounds, Durable, Rate, Retry, StepContext, StepInfo, StepKind,
};

use crate::{StepFailure, Storable};

/// What hands values on from step to step.
///
/// Asked of this, and not of the user's types that they are about, rustc proposes none of the traits as a
/// bound on a parameter of the user's block; implemented for all, it shows no implementation of ours.
pub struct Hands;

/// The value that a step yields is the one that the next step takes.
///
/// `StepName` is a type parameter that bears the taking step's name, for the message.
#[diagnostic::on_unimplemented(
    message = "step `{StepName}` takes `{Next}`, but the step before it yields `{Value}`",
    label = "expected `{Value}`, which the step before yields"
)]
pub trait Feeds<Value, Next, StepName> {
    /// Hands the value on.
    fn feed(value: Value) -> Next;
}

#[diagnostic::do_not_recommend]
impl<T, StepName, H> Feeds<T, T, StepName> for H {
    fn feed(value: T) -> T {
        value
    }
}

/// The value that a step ends the task with is the blueprint's output.
///
/// `StepName` is a type parameter that bears the step's name, for the message.
#[diagnostic::on_unimplemented(
    message = "step `{StepName}` ends the task with `{Value}`, but the blueprint's output is `{Output}`",
    label = "`ControlFlow::Break` holds the output, `{Output}`"
)]
pub trait Ends<Value, Output, StepName> {
    /// Hands the value on.
    fn end(value: Value) -> Output;
}

#[diagnostic::do_not_recommend]
impl<T, StepName, H> Ends<T, T, StepName> for H {
    fn end(value: T) -> T {
        value
    }
}

/// The types in a step's `Result`, whatever alias it is written by.
#[diagnostic::on_unimplemented(message = "`{Self}` is named `Result` but is not one")]
pub trait StepResult {
    /// What the step yields.
    type Ok;
    /// How it fails.
    type Error;

    /// Itself.
    ///
    /// # Errors
    ///
    /// As it is.
    fn into_result(self) -> Result<Self::Ok, Self::Error>;
}

impl<T, E> StepResult for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The types in a step's `ControlFlow`, whatever alias it is written by.
#[diagnostic::on_unimplemented(message = "`{Self}` is named `ControlFlow` but is not one")]
pub trait StepFlow {
    /// What the step ends the task with.
    type Break;
    /// What the step yields.
    type Continue;

    /// Itself.
    fn into_flow(self) -> ControlFlow<Self::Break, Self::Continue>;
}

impl<B, C> StepFlow for ControlFlow<B, C> {
    type Break = B;
    type Continue = C;

    fn into_flow(self) -> Self {
        self
    }
}

/// What a step returned, with its error as the failure that the engine reports.
///
/// # Errors
///
/// If the step did.
pub fn outcome<R>(returned: R) -> Result<R::Ok, StepFailure>
where
    R: StepResult<Error: StepError>,
{
    returned.into_result().map_err(StepError::into_failure)
}

/// The same for a step that has a timeout.
///
/// # Errors
///
/// If the step did, or took too long.
pub fn outcome_within<R>(returned: Result<R, StepFailure>) -> Result<R::Ok, StepFailure>
where
    R: StepResult<Error: StepError>,
{
    returned.and_then(outcome)
}

/// A step's own error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the error of a step",
    label = "needs `std::error::Error + Send + Sync + 'static`, as `anyhow::Error::from` does",
    note = "`anyhow::Error::from_boxed` makes one of a boxed error, `anyhow::Error::msg` of a message"
)]
pub trait StepError {
    /// The failure that the engine reports.
    fn into_failure(self) -> StepFailure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<anyhow::Error>> StepError for E {
    fn into_failure(self) -> StepFailure {
        StepFailure::failed(self)
    }
}

/// The input of a step that may be tried again.
#[diagnostic::on_unimplemented(
    message = "a step that is retried and takes `{Self}` by value needs it to be `Clone`",
    label = "is not `Clone`; a step that takes it by reference needs no copy"
)]
pub trait Kept: Sized {
    /// See [`keep`].
    fn keep(self, is_left: bool) -> (Self, Option<Self>);
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Kept for T {
    fn keep(self, is_left: bool) -> (Self, Option<Self>) {
        keep(self, is_left)
    }
}

/// The input of a step, and a copy for another attempt if one is left.
///
/// It takes the input and gives it back, since a local that was once borrowed stays in the future that
/// it is a local of. Called as it is for a type with a parameter in it: rustc then proposes the bound.
pub fn keep<T: Clone>(value: T, is_left: bool) -> (T, Option<T>) {
    let kept = is_left.then(|| value.clone());
    (value, kept)
}

/// What the tasks share.
pub fn shared<T: Send + Sync + 'static>() {}

/// A value that flows from step to step.
pub fn carried_between_steps<T: Send>() {}

/// The context of a step under another name would be taken for the value.
#[diagnostic::on_unimplemented(
    message = "a step takes its `StepContext` under another name",
    label = "name it `StepContext`: under another name it is the value that flows"
)]
pub trait NoContext: Sized {
    /// Takes it.
    fn no_context(self) {}
}

impl NoContext for NothingHidden {}
impl NoContext for HiddenResult {}
impl NoContext for HiddenControlFlow {}

/// A `StepContext` under another name.
pub struct HiddenContext;

impl Returned<StepContext> {
    /// It is the context.
    pub const ORCHESTRATOR_KIND: HiddenContext = HiddenContext;
}

/// What a step returns, to be looked at for a `Result` or `ControlFlow` that goes by another name.
pub struct Returned<T>(PhantomData<T>);

impl<T, E> Returned<Result<T, E>> {
    /// It is a `Result`.
    pub const ORCHESTRATOR_KIND: HiddenResult = HiddenResult;
}

impl<B, C> Returned<ControlFlow<B, C>> {
    /// It is a `ControlFlow`.
    pub const ORCHESTRATOR_KIND: HiddenControlFlow = HiddenControlFlow;
}

/// What holds of [`Returned`] types that are neither: an item of the type itself goes first.
pub trait Plain {
    /// It is none.
    const ORCHESTRATOR_KIND: NothingHidden = NothingHidden;
}

impl<T> Plain for Returned<T> {}

/// A `Result` under another name.
pub struct HiddenResult;

/// A `ControlFlow` under another name.
pub struct HiddenControlFlow;

/// Anything else.
pub struct NothingHidden;

/// What a step may return under any name.
#[diagnostic::on_unimplemented(
    message = "a step returns a `Result` under another name",
    label = "name it `Result`, so that its errors end the task"
)]
pub trait NoResult: Sized {
    /// Hands it on.
    fn no_result(self) -> Self {
        self
    }
}

/// What a step may return under any name.
#[diagnostic::on_unimplemented(
    message = "a step returns a `ControlFlow` under another name",
    label = "name it `ControlFlow`, so that its `Break` ends the task"
)]
pub trait NoControlFlow: Sized {
    /// Takes it.
    fn no_control_flow(self) {}
}

impl NoResult for NothingHidden {}
impl NoResult for HiddenControlFlow {}
impl NoControlFlow for NothingHidden {}
impl NoControlFlow for HiddenResult {}

/// Whether `when` wants another attempt after this error.
pub fn asked<E>(error: &E, when: impl FnOnce(&E) -> bool) -> bool {
    when(error)
}

/// Runs `step` for at most `limit`.
///
/// It yields the step's output, or the failure that says that it took longer. The step stays with the
/// caller, who drops it: a future that is handed over would be in memory twice.
pub fn within<F: Future>(limit: Duration, step: Pin<&mut F>) -> Within<'_, F> {
    Within {
        step,
        limit,
        timer: None,
    }
}

/// The future of [`within`].
pub struct Within<'a, F> {
    step: Pin<&'a mut F>,
    limit: Duration,
    /// A timer costs more than a step that is ready at once, and more room than most futures: so it
    /// is made only for a step that is not ready.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Within<'_, F> {
    type Output = Result<F::Output, StepFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { step, limit, timer } = self.get_mut();
        if let Poll::Ready(output) = step.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
        timer
            .as_mut()
            .poll(cx)
            .map(|()| Err(StepFailure::timed_out(*limit)))
    }
}

/// The end of an attempt that failed: another attempt from `kept` after a pause, or the task's end.
///
/// `kept` is the state before the step; the caller made it only where `retry` allows an attempt.
pub fn failed<S, O>(
    failure: StepFailure,
    kept: Option<S>,
    retry: &Retry,
    cx: &StepContext,
) -> Advance<S, O> {
    let again = match kept {
        Some(state) if !failure.is_permanent() && retry.allows_after(cx.attempt()) => {
            let pause = failure
                .retry_after()
                .unwrap_or_else(|| retry.pause(cx.attempt()));
            Some((state, pause))
        }
        _ => None,
    };
    Advance::Failed { failure, again }
}

/// What a state is stored as: the name of the step that it stands at, and the value as JSON.
pub type Encoded = anyhow::Result<(&'static str, String)>;

/// What an output is stored as: JSON.
pub type EncodedOutput = anyhow::Result<String>;

/// A reference to a value that can be stored.
///
/// The implementation of `Durable` has this as its condition, `for<'a> &'a T: Stored<T, PLACE>`, and
/// calls it. The lifetime puts the question whether `T` can be stored off to where a journal is used:
/// asked of `T` alone, rustc answers it at once, and refuses a blueprint that is never stored.
pub trait Stored<T, const PLACE: usize> {
    /// A state as something to store.
    ///
    /// # Errors
    ///
    /// If the value's `Serialize` refuses it.
    fn encode(self, step: &'static str) -> Encoded;

    /// The value that the JSON stands for.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit the type.
    fn decode(json: &str) -> anyhow::Result<T>;
}

impl<T: Storable, const PLACE: usize> Stored<T, PLACE> for &T {
    fn encode(self, step: &'static str) -> Encoded {
        Ok((step, self.to_json()?))
    }

    fn decode(json: &str) -> anyhow::Result<T> {
        T::from_json(json)
    }
}

/// The JSON in it alone.
///
/// # Errors
///
/// If there is none.
pub fn json(encoded: Encoded) -> EncodedOutput {
    encoded.map(|(_, json)| json)
}

/// The answer for the stored name of a step that there is not.
///
/// # Errors
///
/// Always.
pub fn unknown_step<B: Blueprint, T>(step: &str) -> anyhow::Result<T> {
    Err(anyhow::anyhow!("`{}` has no step `{step}`", B::NAME))
}

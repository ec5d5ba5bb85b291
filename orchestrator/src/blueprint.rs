//! The contract between `#[blueprint]` and the engine: [`Blueprint`], [`Advance`], [`StepInfo`].

use std::time::Duration;

use crate::{Bounds, StepContext, StepFailure};

/// A task's pipeline of steps. `#[blueprint]` implements it; few write it by hand.
///
/// A task between two steps is a plain value of [`Blueprint::State`]: which step comes next, and
/// what that step takes. [`Blueprint::advance`] runs that one step.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a blueprint",
    label = "needs `#[blueprint]` on the `impl` block that holds its steps"
)]
pub trait Blueprint: Send + Sync + 'static {
    /// What the first step takes.
    type Input: Send + 'static;
    /// What the last step yields.
    type Output: Send + 'static;
    /// Where a task stands between two steps: the next step and that step's input.
    type State: Send + 'static;

    /// The blueprint's name, for people and for stored runs.
    const NAME: &'static str;
    /// The steps in order. Never empty.
    const STEPS: &'static [StepInfo];

    /// The state before the first step. Must not panic: it is called outside of any task.
    fn start(input: Self::Input) -> Self::State;

    /// The next step's index in [`Blueprint::STEPS`]. A task past a delay that is the last step
    /// still stands at that delay. Must not panic.
    fn position(state: &Self::State) -> usize;

    /// What bounds the step of this index over all tasks of an orchestrator. Asked once a step, by
    /// [`Orchestrator::new`](crate::Orchestrator::new).
    fn bounds(&self, _step: usize) -> Bounds {
        Bounds::none()
    }

    /// Runs the step that `state` stands at, once.
    ///
    /// The step's timeout and retry policy are applied in here, around the step's call alone; the
    /// waiting between attempts and the counting of attempts is left to the engine.
    fn advance(
        &self,
        state: Self::State,
        cx: &StepContext,
    ) -> impl Future<Output = Advance<Self::State, Self::Output>> + Send;
}

/// What became of a task by running one step.
#[derive(Debug)]
pub enum Advance<S, O> {
    /// The step is done; here is the state before the next one.
    Next(S),
    /// The step was a delay: keep this state, which is past it, for so long.
    Park {
        /// The state after the delay.
        state: S,
        /// How long to wait.
        pause: Duration,
    },
    /// The last step is done.
    Done(O),
    /// The attempt failed.
    Failed {
        /// Why.
        failure: StepFailure,
        /// The state before the same step and the pause before the next attempt; `None` if the task
        /// has failed for good.
        again: Option<(S, Duration)>,
    },
}

/// What a step does for the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// Runs a fn.
    Step,
    /// Says how long to wait; the engine does the waiting.
    Delay,
}

/// What is known of a step before anything runs.
#[derive(Clone, Copy, Debug)]
pub struct StepInfo {
    name: &'static str,
    kind: StepKind,
    doc: &'static str,
    timeout: Option<&'static str>,
    retry: Option<&'static str>,
    limit: Option<&'static str>,
    rate: Option<&'static str>,
    early_exit: bool,
    takes: fn() -> &'static str,
    yields: fn() -> &'static str,
}

impl StepInfo {
    /// A step of this name and kind. `takes` and `yields` name the types of the value before and
    /// after it, for people ([`std::any::type_name`]).
    pub const fn new(
        name: &'static str,
        kind: StepKind,
        takes: fn() -> &'static str,
        yields: fn() -> &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            doc: "",
            timeout: None,
            retry: None,
            limit: None,
            rate: None,
            early_exit: false,
            takes,
            yields,
        }
    }

    /// Adds the step's doc comment. White space around it is left out.
    pub const fn with_doc(mut self, doc: &'static str) -> Self {
        self.doc = doc.trim_ascii();
        self
    }

    /// Adds the step's timeout, as it was written.
    pub const fn with_timeout(mut self, timeout: &'static str) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds the step's retry policy, as it was written.
    pub const fn with_retry(mut self, retry: &'static str) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Adds the step's limit, as it was written. What holds is [`Blueprint::bounds`].
    pub const fn with_limit(mut self, limit: &'static str) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Adds the step's rate, as it was written. What holds is [`Blueprint::bounds`].
    pub const fn with_rate(mut self, rate: &'static str) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Adds that the step may end the task before the last step.
    pub const fn with_early_exit(mut self) -> Self {
        self.early_exit = true;
        self
    }

    /// The step's name: that of its fn, or the option `name`.
    #[inline]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the step does for the task.
    pub const fn kind(&self) -> StepKind {
        self.kind
    }

    /// The step's doc comment; empty if it has none.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }

    /// The step's timeout, as it was written in the attribute.
    pub const fn timeout(&self) -> Option<&'static str> {
        self.timeout
    }

    /// The step's retry policy, as it was written in the attribute.
    pub const fn retry(&self) -> Option<&'static str> {
        self.retry
    }

    /// The step's limit, as it was written in the attribute.
    pub const fn limit(&self) -> Option<&'static str> {
        self.limit
    }

    /// The step's rate, as it was written in the attribute.
    pub const fn rate(&self) -> Option<&'static str> {
        self.rate
    }

    /// Whether the step may end the task before the last step, by a `ControlFlow::Break`.
    pub const fn early_exit(&self) -> bool {
        self.early_exit
    }

    /// The type of the value before the step, for people: no two compilers need agree on it.
    pub fn takes(&self) -> &'static str {
        (self.takes)()
    }

    /// The type of the value after the step, for people: no two compilers need agree on it.
    pub fn yields(&self) -> &'static str {
        (self.yields)()
    }
}

//! A blueprint of one step that is a closure: [`by`]; and what tests with it need.

use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;
use orchestrator::{Advance, Blueprint, Bounds, StepContext, StepInfo, StepKind, Task};

/// A blueprint of one step that is a closure.
pub(crate) struct By<S, F>(F, Bounds, PhantomData<fn(S)>);

/// A blueprint of this step.
pub(crate) fn by<S, F>(step: F) -> By<S, F>
where
    F: Fn(S, StepContext) -> BoxFuture<'static, Advance<S, u64>> + Send + Sync + 'static,
{
    By(step, Bounds::none(), PhantomData)
}

impl<S, F> By<S, F> {
    /// Bounds the step.
    pub(crate) fn bounded(mut self, bounds: Bounds) -> Self {
        self.1 = bounds;
        self
    }
}

impl<S, F> Blueprint for By<S, F>
where
    S: Send + 'static,
    F: Fn(S, StepContext) -> BoxFuture<'static, Advance<S, u64>> + Send + Sync + 'static,
{
    type Input = S;
    type Output = u64;
    type State = S;
    const NAME: &'static str = "By";
    const STEPS: &'static [StepInfo] = &[StepInfo::new(
        "only",
        StepKind::Step,
        std::any::type_name::<()>,
        std::any::type_name::<()>,
    )];
    fn start(input: S) -> S {
        input
    }
    fn position(_: &S) -> usize {
        0
    }
    fn bounds(&self, _: usize) -> Bounds {
        self.1
    }
    // The call itself runs the closure, so that what panics there panics in the call.
    fn advance(&self, state: S, cx: &StepContext) -> impl Future<Output = Advance<S, u64>> + Send {
        (self.0)(state, cx.clone())
    }
}

/// So many tasks whose inputs are their ids.
pub(crate) fn ids(count: u64) -> impl Iterator<Item = Task<u64>> {
    (0..count).map(|id| Task::new(id, id))
}

/// A runtime with no timer.
pub(crate) fn bare() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

/// A runtime with so many threads.
pub(crate) fn threads(count: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

/// Long enough for anything that is not stuck.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Wakes itself at once, as `futures_lite::future::yield_now` and the like do.
pub(crate) async fn yield_to_others() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

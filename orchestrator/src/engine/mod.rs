//! The engine: admission, workers, results.
//!
//! ```text
//! input stream ─▶ admission ─▶ intake ─▶ workers ─▶ outlet ─▶ TaskResults
//!                    ▲                                             │
//!                    └──────────────── window ◀────────────────────┘
//! ```

mod admission;
mod contain;
mod drive;
mod intake;
mod lock;
mod outlet;
mod pace;
mod parking;
mod permits;
mod reorder;
mod results;
mod run;
mod slots;
mod stats;
mod wakes;
mod window;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub(crate) use permits::Permits;
pub(crate) use stats::Gauges;

pub use results::TaskResults;
pub use stats::Stats;

use self::contain::contain;
use self::intake::Intake;
use self::outlet::Outlet;
use self::results::Delivery;
use self::run::{Ending, Run};
use self::window::Window;
use crate::{Blueprint, Task};

/// In which order a run's results are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// As the tasks were admitted. A task that is through waits, within the window, for those that
    /// came before it.
    Input,
    /// As the tasks end.
    #[default]
    Completion,
}

/// What a run is started with.
pub(crate) struct Setup<B> {
    pub(crate) blueprint: Arc<B>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) workers: Option<usize>,
    pub(crate) window: usize,
    pub(crate) order: Order,
    pub(crate) shutdown: CancellationToken,
    pub(crate) grace: Duration,
}

/// Starts a run: its admission and its workers are tasks of the current runtime.
pub(crate) fn start<B, S>(setup: Setup<B>, input: S) -> TaskResults<B::Output>
where
    B: Blueprint,
    S: Stream<Item = Task<B::Input>> + Send + 'static,
{
    let runtime = Handle::current();
    let workers = setup
        .workers
        .unwrap_or_else(|| runtime.metrics().num_workers())
        .min(setup.permits.total())
        .min(input.size_hint().1.unwrap_or(usize::MAX))
        .max(1);
    let run = Arc::new(Run {
        blueprint: setup.blueprint,
        id: format!("{:032x}", fastrand::u128(..)).into(),
        intake: Intake::new(workers),
        outlet: Arc::new(Outlet::new(workers)),
        window: Arc::new(Window::new(setup.window)),
        permits: setup.permits,
        gauges: setup.gauges,
        ending: Arc::new(Ending::new(setup.shutdown.child_token())),
        workers,
        grace: setup.grace,
    });
    let results = TaskResults::new(Delivery {
        outlet: Arc::clone(&run.outlet),
        window: Arc::clone(&run.window),
        ending: Arc::clone(&run.ending),
        order: setup.order,
    });
    for index in 0..workers {
        let leave = LeaveOnDrop(Arc::clone(&run.outlet));
        let run = Arc::clone(&run);
        // A worker's futures would share its cooperative budget of 128 polls, and after that be
        // polled in vain; the worker itself sees to it that it yields.
        runtime.spawn(tokio::task::coop::unconstrained(async move {
            let ending = Arc::clone(&run.ending);
            if let Err(panic) = contain(worker::work(run, index)).await {
                leave.0.panicked(panic);
                ending.abandon();
            }
            drop(leave);
        }));
    }
    runtime.spawn(async move {
        let admission = contain(admission::admit(input, Arc::clone(&run)));
        if let Err(panic) = admission.await {
            run.outlet.panicked(panic);
            run.intake.close(Vec::new());
        }
    });
    results
}

/// Signs a worker off, however it ends: also when its runtime goes away under it.
struct LeaveOnDrop<O>(Arc<Outlet<O>>);

impl<O> Drop for LeaveOnDrop<O> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

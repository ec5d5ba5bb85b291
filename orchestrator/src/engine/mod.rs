//! The engine: admission, workers, results.
//!
//! ```text
//! input stream ─▶ admission ─▶ intake ─▶ workers ─▶ outlet ─▶ TaskResults
//!                    ▲                                             │
//!                    └──────────────── window ◀────────────────────┘
//! ```

mod admission;
mod chunks;
mod contain;
mod drive;
mod ended;
mod gates;
mod inbox;
mod intake;
#[cfg(all(test, feature = "journal"))]
mod killed;
mod ledger;
mod lock;
mod outlet;
mod pace;
mod parking;
mod permits;
mod places;
mod recall;
mod record;
mod reorder;
mod results;
mod run;
mod schedule;
mod slots;
mod source;
mod stats;
mod timer;
mod turn;
mod waiting;
mod wakes;
mod window;
mod worker;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

#[cfg(any(feature = "journal", feature = "restate"))]
pub(crate) use contain::contained;
pub(crate) use contain::discard_all;
#[cfg(feature = "restate")]
pub(crate) use contain::message;
pub(crate) use gates::Gates;
pub(crate) use permits::Permits;
#[cfg(feature = "journal")]
pub(crate) use record::{Far, Known, Met, Notebook, Recalled, Turned, Wake};
pub(crate) use record::{Recorder, SendRecord, Way};
pub(crate) use source::{AllAtHand, Received, Recorded, Source};
pub(crate) use stats::Gauges;

pub(crate) use results::Breaker;
pub use results::TaskResults;
pub use stats::Stats;

pub(crate) use self::contain::contain;

use self::contain::Panic;
use self::ended::Ended;
use self::intake::Intake;
use self::outlet::Outlet;
use self::results::Delivery;
use self::run::{Ending, Run};
use self::source::Pulled;
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

/// With so many results untaken, the workers of a run with a lazy input begin nothing more.
const UNTAKEN: usize = 8_192;

/// What a run is started with.
pub(crate) struct Setup<B> {
    pub(crate) blueprint: Arc<B>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) gates: Option<Arc<Gates>>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) workers: Option<usize>,
    pub(crate) window: usize,
    pub(crate) order: Order,
    pub(crate) shutdown: CancellationToken,
    pub(crate) grace: Duration,
    pub(crate) recorder: Option<Arc<dyn Recorder<B>>>,
}

/// Starts a run whose tasks are handed over, at once or over time. What its results are bounded by
/// is the window alone, so that a caller may hand tasks over before it takes results.
pub(crate) fn start_handed<B, S>(setup: Setup<B>, source: S) -> TaskResults<B::Output>
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    start(setup, source, usize::MAX)
}

/// Starts a run whose tasks are pulled from a stream.
pub(crate) fn start_pulled<B, S>(setup: Setup<B>, stream: S) -> TaskResults<B::Output>
where
    B: Blueprint,
    S: Stream<Item = Task<B::Input>> + Send + 'static,
{
    start(setup, Pulled::new(stream), UNTAKEN)
}

/// Starts a run: its admission and its workers are tasks of the current runtime.
fn start<B, S>(setup: Setup<B>, source: S, untaken: usize) -> TaskResults<B::Output>
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    let runtime = Handle::current();
    let ending = Ending::new(setup.shutdown.child_token());
    if let Some(recorder) = &setup.recorder {
        let way = if source.recalls_all() {
            Way::Sent
        } else {
            Way::Read
        };
        let most = source.most().map_or(u64::MAX, |most| most as u64);
        let begun = recorder.begin(way).and_then(|()| match way {
            Way::Read => recall::check_length(most, recorder.fewest()),
            Way::Sent => Ok(()),
        });
        if let Err(error) = begun {
            ending.break_down(error);
        }
    }
    let workers = setup
        .workers
        .unwrap_or_else(|| runtime.metrics().num_workers())
        .min(setup.permits.total())
        .min(source.most().unwrap_or(usize::MAX))
        .max(1);
    let run = Arc::new(Run {
        blueprint: setup.blueprint,
        id: match &setup.recorder {
            Some(recorder) => recorder.run_id(),
            None => run_id().into(),
        },
        intake: Intake::new(workers),
        outlet: Arc::new(Outlet::new(workers, untaken)),
        window: Arc::new(Window::new(setup.window)),
        permits: setup.permits,
        gates: setup.gates,
        gauges: setup.gauges,
        ending: Arc::new(ending),
        grace: setup.grace,
        recorder: setup.recorder,
        ended: Ended::default(),
    });
    let results = TaskResults::new(Delivery {
        outlet: Arc::clone(&run.outlet),
        window: Arc::clone(&run.window),
        ending: Arc::clone(&run.ending),
        order: setup.order,
    });
    for index in 0..workers {
        let leave = Leave::new(&run);
        let run = Arc::clone(&run);
        runtime.spawn(async move {
            let worked = contain(worker::work(run, index)).await;
            leave.through(worked);
        });
    }
    runtime.spawn(async move {
        let admission = contain(admission::admit(source, Arc::clone(&run)));
        if let Err(panic) = admission.await {
            run.outlet.panicked(panic);
            run.intake.close(Vec::new());
        }
    });
    results
}

/// A name for a run that no other run has, on this machine or another, before or after.
pub(crate) fn run_id() -> String {
    // Keyed from the operating system's random numbers, and differently each time.
    let word = || RandomState::new().hash_one(SystemTime::now());
    format!("{:016x}{:016x}", word(), word())
}

/// Signs a worker off, however it ends: also when its runtime goes away under it.
struct Leave<O> {
    outlet: Arc<Outlet<O>>,
    ending: Arc<Ending>,
    through: bool,
}

impl<O> Leave<O> {
    fn new<B: Blueprint<Output = O>>(run: &Run<B>) -> Self {
        Self {
            outlet: Arc::clone(&run.outlet),
            ending: Arc::clone(&run.ending),
            through: false,
        }
    }

    /// The worker is through, or broke down, and with it the run.
    fn through(mut self, worked: Result<(), Panic>) {
        self.through = true;
        if let Err(panic) = worked {
            self.outlet.panicked(panic);
            self.ending.abandon();
        }
    }
}

impl<O> Drop for Leave<O> {
    fn drop(&mut self) {
        if !self.through && !self.ending.abandoned.is_cancelled() {
            let gone = "the runtime was shut down under a run of tasks";
            self.outlet.panicked(Box::new(gone));
        }
        self.outlet.leave();
    }
}

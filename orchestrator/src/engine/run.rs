//! What the parts of one run share: [`Run`], and how far its shutdown has come: [`Phase`].

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ended::Ended;
use super::gates::Gates;
use super::intake::Intake;
use super::outlet::Outlet;
use super::permits::Permits;
use super::record::Recorder;
use super::stats::Gauges;
use super::window::Window;
use crate::{Blueprint, RunError};

/// What admission, the workers and the consumer of one run share. All of it is touched once a
/// batch, not once a task.
pub(super) struct Run<B: Blueprint> {
    pub(super) blueprint: Arc<B>,
    pub(super) id: Arc<str>,
    pub(super) intake: Intake<B>,
    pub(super) outlet: Arc<Outlet<B::Output>>,
    pub(super) window: Arc<Window>,
    pub(super) permits: Arc<Permits>,
    pub(super) gates: Option<Arc<Gates>>,
    pub(super) gauges: Arc<Gauges>,
    pub(super) ending: Arc<Ending>,
    pub(super) grace: Duration,
    /// Where the run is recorded, if it is durable.
    pub(super) recorder: Option<Arc<dyn Recorder<B>>>,
    pub(super) ended: Ended,
}

/// How a run is told to end before its input does.
#[derive(Debug)]
pub(super) struct Ending {
    /// Cancelled by the user's shutdown, or with `abandoned`.
    pub(super) cancelled: CancellationToken,
    /// Cancelled when nobody takes the results any more: nothing is left to do for anybody.
    pub(super) abandoned: CancellationToken,
    /// Why the run can't go on, if it can't.
    broken: OnceLock<RunError>,
}

impl Ending {
    pub(super) fn new(cancelled: CancellationToken) -> Self {
        Self {
            cancelled,
            abandoned: CancellationToken::new(),
            broken: OnceLock::new(),
        }
    }

    /// The run can't go on. The first reason stays.
    pub(super) fn break_down(&self, error: anyhow::Error) {
        let _ = self.broken.set(RunError::new(error));
        self.cancelled.cancel();
    }

    /// Why the run can't go on.
    pub(super) fn broken(&self) -> Option<&RunError> {
        self.broken.get()
    }

    pub(super) fn abandon(&self) {
        // In this order: who sees the second has to be able to see the first.
        self.abandoned.cancel();
        self.cancelled.cancel();
    }
}

/// How far a worker's shutdown has come. Written by the worker, read by the tasks it drives.
#[derive(Debug, Default)]
pub(super) struct Phase(AtomicU8);

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const ABORTED: u8 = 2;

impl Phase {
    /// Whether steps may begin.
    #[inline]
    pub(super) fn is_running(&self) -> bool {
        self.0.load(Ordering::Relaxed) == RUNNING
    }

    /// Whether executing steps are to be dropped.
    #[inline]
    pub(super) fn is_aborted(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ABORTED
    }

    pub(super) fn stop(&self) {
        self.0.store(STOPPING, Ordering::Relaxed);
    }

    pub(super) fn abort(&self) {
        self.0.store(ABORTED, Ordering::Relaxed);
    }
}

//! What admission knows of tasks from before: [`Recall`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::contain::discard;
use super::intake::{Admitted, Arrival, KnownEnd, Waits};
use super::record::{Far, Known, Met, Recalled, Recorder};
use crate::{Blueprint, Task, TaskError, TaskId};

/// How many tasks are looked up at a time.
const PORTION: u64 = 1_024;

/// Checks that an input of so many tasks is not shorter than what is known.
pub(super) fn check_length(tasks: u64, known: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        tasks >= known,
        "the input ends after {tasks} tasks, where the journal has {known} or more: run with the input that the journal was begun with"
    );
    Ok(())
}

/// What admission knows of tasks from before.
pub(super) struct Recall<B: Blueprint> {
    recorder: Arc<dyn Recorder<B>>,
    far: Box<dyn Far<B>>,
    /// Up to which ordinal something may be known.
    known: u64,
    /// Up to which ordinal it was looked up.
    fetched: u64,
    at_hand: VecDeque<Recalled<B>>,
}

impl<B: Blueprint> Recall<B> {
    pub(super) fn new(recorder: Arc<dyn Recorder<B>>) -> Self {
        Self {
            far: Arc::clone(&recorder).far(),
            known: recorder.known(),
            recorder,
            fetched: 0,
            at_hand: VecDeque::new(),
        }
    }

    /// Up to which ordinal something may be known.
    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// The task of this ordinal as it was left. `None` if its delay ends late: it is brought back then.
    ///
    /// # Errors
    ///
    /// If it can't be looked up.
    pub(super) fn next(&mut self, ordinal: u64) -> anyhow::Result<Option<Admitted<B>>> {
        match self.look_up(ordinal)? {
            Some(recalled) => self.admitted(recalled, None),
            None => anyhow::bail!(
                "the journal has no task in place {ordinal}, of {}",
                self.known
            ),
        }
    }

    /// The task of the input at this ordinal: as it was left, or new. `None` if its delay ends late.
    ///
    /// # Errors
    ///
    /// If it is not the task that was there before, or if it can't be looked up.
    pub(super) fn meet(
        &mut self,
        ordinal: u64,
        task: Task<B::Input>,
    ) -> anyhow::Result<Option<Admitted<B>>> {
        let Some(recalled) = self.look_up(ordinal)? else {
            let met = self
                .recorder
                .meet(task.id, ordinal, Some(&task.input), false)?;
            return Ok(met.admit(task.id, ordinal, || Some(Arrival::New(task.input))));
        };
        if recalled.id != task.id {
            let (id, was) = (task.id, recalled.id);
            discard((task.input, recalled.known));
            anyhow::bail!(
                "the input has task {id} in place {ordinal} (from 0), where the journal has task {was}: run with the input that the journal was begun with",
            );
        }
        self.admitted(recalled, Some(task.input))
    }

    /// Tasks whose delay ends soon.
    pub(super) fn poll_due(
        &mut self,
        admitted: u64,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<anyhow::Result<Vec<Admitted<B>>>> {
        let due = self.far.poll_due(admitted, all, cx);
        due.map_ok(|due| {
            due.into_iter()
                .map(|recalled| Admitted {
                    id: recalled.id,
                    ordinal: recalled.ordinal,
                    arrival: self.arrival_now(recalled.known),
                })
                .collect()
        })
    }

    /// The fewest tasks that the input must have.
    pub(super) fn fewest(&self) -> u64 {
        self.recorder.fewest()
    }

    /// The tasks that were met so far are about to begin.
    pub(super) fn admitted_all(&self) {
        self.recorder.admitted();
    }

    /// No more tasks will come.
    pub(super) fn taken(&self) {
        self.recorder.taken();
    }

    /// Every task has ended.
    pub(super) fn finished(&self) {
        self.recorder.finished();
    }

    fn look_up(&mut self, ordinal: u64) -> anyhow::Result<Option<Recalled<B>>> {
        while self.at_hand.is_empty() && self.fetched < self.known {
            let until = self.known.min(self.fetched.max(ordinal) + PORTION);
            let portion = self.recorder.recall(self.fetched.max(ordinal)..until)?;
            self.at_hand = portion.into();
            self.fetched = until;
        }
        let is_it = |next: &Recalled<B>| next.ordinal == ordinal;
        if !self.at_hand.front().is_some_and(is_it) {
            return Ok(None);
        }
        Ok(self.at_hand.pop_front())
    }

    fn admitted(
        &self,
        recalled: Recalled<B>,
        input: Option<B::Input>,
    ) -> anyhow::Result<Option<Admitted<B>>> {
        let Recalled { id, ordinal, known } = recalled;
        let has_ended = matches!(known, Known::Ended(_));
        let met = self.recorder.meet(id, ordinal, input.as_ref(), has_ended);
        discard(input);
        Ok(met?.admit(id, ordinal, || self.arrival(known)))
    }

    /// Returns how a known task enters the run, or `None` if its delay ends late.
    fn arrival(&self, known: Known<B>) -> Option<Arrival<B>> {
        if let Known::Waits {
            wake: Some(wake), ..
        } = &known
            && self.recorder.is_far(*wake)
        {
            discard(known);
            return None;
        }
        Some(self.arrival_now(known))
    }

    fn arrival_now(&self, known: Known<B>) -> Arrival<B> {
        match known {
            Known::Waits {
                state,
                attempt,
                wake,
            } => {
                let left = wake.map_or(Duration::ZERO, |wake| wake.left(self.recorder.now()));
                Arrival::Waits(Box::new(Waits {
                    state,
                    attempt,
                    left,
                }))
            }
            Known::Ended(outcome) => replayed(outcome),
        }
    }
}

fn replayed<B: Blueprint>(outcome: Result<B::Output, TaskError>) -> Arrival<B> {
    Arrival::Ended(Box::new(KnownEnd {
        outcome,
        replayed: true,
    }))
}

impl<B: Blueprint> Met<B> {
    /// What becomes of the task: as it arrives if it was not met before.
    fn admit(
        self,
        id: TaskId,
        ordinal: u64,
        arrival: impl FnOnce() -> Option<Arrival<B>>,
    ) -> Option<Admitted<B>> {
        let arrival = match self {
            Self::Never => arrival(),
            Self::Ended(outcome) => Some(replayed(outcome)),
            Self::UnderWay => None,
        };
        arrival.map(|arrival| Admitted {
            id,
            ordinal,
            arrival,
        })
    }
}

//! One worker's part of a journal: [`Page`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::horizon::is_long;
use super::record;
use super::recording::Recording;
use super::store::{Record, Stage};
use crate::engine::{Notebook, Turned, contained};
use crate::{Durable, TaskId, TaskResult};

/// The records that a worker made since it last handed some over.
pub(super) struct Page<B> {
    recording: Arc<Recording<B>>,
    records: Vec<Record>,
    /// The ordinals of those that are of long delays, and when these end.
    wakes: Vec<(u64, i64)>,
}

impl<B> Page<B> {
    pub(super) fn new(recording: Arc<Recording<B>>) -> Self {
        Self {
            recording,
            records: Vec::new(),
            wakes: Vec::new(),
        }
    }
}

impl<B: Durable> Notebook<B> for Page<B> {
    fn waits(
        &mut self,
        id: TaskId,
        ordinal: u64,
        state: &B::State,
        attempt: u32,
        pause: Duration,
    ) -> anyhow::Result<Option<i64>> {
        let (step, json) = contained(|| B::encode(state))?;
        let recording = &self.recording;
        let wake =
            (!pause.is_zero()).then(|| recording.clock().wake_after(pause, recording.timeline()));
        let far = wake.filter(|_| is_long(pause));
        let due = far.map(|wake| recording.timeline().due(&wake));
        self.wakes.extend(due.map(|due| (ordinal, due)));
        self.records.push(Record {
            ordinal,
            id: id.0,
            stage: Stage::Next {
                step: Cow::Borrowed(step),
                attempt,
                json,
                wake,
            },
        });
        Ok(due)
    }

    fn ended(&mut self, result: &TaskResult<B::Output>) -> anyhow::Result<()> {
        self.records.push(Record {
            ordinal: result.ordinal,
            id: result.id.0,
            stage: record::ended::<B>(&result.outcome)?,
        });
        Ok(())
    }

    fn turn_page(&mut self, waker: &Waker) -> Turned {
        let records = std::mem::take(&mut self.records);
        let append = || self.recording.append(records, Some(waker));
        let (position, horizon) = self.recording.horizon().append(&self.wakes, append);
        self.wakes.clear();
        Turned { position, horizon }
    }
}

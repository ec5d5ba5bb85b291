//! One worker's part of a journal: [`Page`].

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::horizon::is_long;
use super::record;
use super::recording::Recording;
use super::store::{Record, Stage, Wake};
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
    fn stands(
        &mut self,
        id: TaskId,
        ordinal: u64,
        state: &B::State,
        pause: Duration,
    ) -> anyhow::Result<Option<i64>> {
        let (step, json) = contained(|| B::encode(state))?;
        let at = (!pause.is_zero()).then(|| self.recording.clock().end_of(pause));
        let long = at.filter(|_| is_long(pause));
        self.wakes.extend(long.map(|at| (ordinal, at)));
        self.records.push(Record {
            ordinal,
            id: id.0,
            stage: Stage::Stands {
                step: Cow::Borrowed(step),
                json,
                wake: at.map(|at| Wake { at, full: pause }),
            },
            hash: self.recording.hash_of(id.0),
        });
        Ok(long)
    }

    fn ended(&mut self, result: &TaskResult<B::Output>) -> anyhow::Result<()> {
        self.records.push(Record {
            ordinal: result.ordinal,
            id: result.id.0,
            stage: record::ended::<B>(&result.outcome)?,
            hash: self.recording.hash_of(result.id.0),
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

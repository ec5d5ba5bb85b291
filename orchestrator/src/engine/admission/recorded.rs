//! What admission does beside, where the run is recorded.

use std::task::{Context, Poll};

use super::super::recall::{Recall, check_length};
use super::super::source::Source;
use super::Admission;
use crate::Blueprint;

impl<B, S> Admission<'_, B, S>
where
    B: Blueprint,
    S: Source<Input = B::Input>,
{
    /// The tasks of the batch are about to be handed to the workers.
    pub(super) fn note_admitted(&self) {
        if let Some(recall) = &self.recall {
            recall.admitted_all();
        }
    }

    /// Takes in tasks whose delay ends soon. Says whether there were any.
    pub(super) fn take_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(recall) = &mut self.recall else {
            return false;
        };
        if self.run.ending.broken().is_some() {
            return false;
        }
        match recall.poll_due(self.admitted, self.closed, cx) {
            Poll::Ready(Ok(due)) => {
                self.batch.extend(due);
                !self.batch.is_empty()
            }
            Poll::Ready(Err(error)) => {
                self.run.ending.break_down(error);
                false
            }
            Poll::Pending => false,
        }
    }

    /// Whether there are tasks left in the record that were not admitted.
    pub(super) fn recalls_more(&self) -> bool {
        let known = self.recall.as_ref().map_or(0, Recall::known);
        self.admitted < known
    }

    /// Admits the next task of the record. Says no once no more are wanted: a task that was not admitted
    /// stays in the record, and is none of a run that is being shut down.
    pub(super) fn recall_next(&mut self) -> bool {
        let Some(recall) = self.recall.as_mut().filter(|_| !self.closed) else {
            return false;
        };
        match recall.next(self.admitted) {
            Ok(task) => {
                self.admitted += 1;
                self.batch.extend(task);
                true
            }
            Err(error) => {
                self.run.ending.break_down(error);
                false
            }
        }
    }

    /// The source has ended: it must not have done so before where it ended last time.
    pub(super) fn check_end(&self) {
        let Some(recall) = &self.recall else {
            return;
        };
        if self.closed {
            return;
        }
        let fewest = if self.source.recalls_all() {
            recall.known()
        } else {
            recall.fewest()
        };
        if let Err(error) = check_length(self.admitted, fewest) {
            self.run.ending.break_down(error);
            return;
        }
        recall.taken();
    }

    /// Waits until every task that was admitted has ended: until then, one may come back from disk.
    pub(super) fn poll_all_ended(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(recall) = &self.recall else {
            return Poll::Ready(());
        };
        if self.run.ending.broken().is_some() {
            return Poll::Ready(());
        }
        let ended = self.run.ended.poll(self.admitted, cx);
        if ended.is_ready() && !self.closed && !self.panicked {
            recall.finished();
        }
        ended
    }
}

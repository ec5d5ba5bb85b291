//! Where tasks came to, until that is committed: [`Ledger`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::contain::discard;
use super::drive::CameTo;
use super::record::{Notebook, Recorder, Turned};
use crate::{Blueprint, TaskErrorKind};

/// Where a worker's tasks came to, until that is committed.
///
/// Each keeps its permit meanwhile, so that no more results await their commit than steps may execute.
pub(super) struct Ledger<B: Blueprint> {
    recorder: Arc<dyn Recorder<B>>,
    notebook: Box<dyn Notebook<B>>,
    /// What was noted since the page was last turned.
    page: Vec<Entry<B>>,
    /// What was handed over.
    pages: VecDeque<Page<B>>,
    open: usize,
}

struct Entry<B: Blueprint> {
    came_to: CameTo<B>,
    /// Since when it waits, if it is in a delay.
    since: Option<Instant>,
    /// When the delay ends, if it is a long one.
    wake: Option<i64>,
}

/// Entries that are committed together.
struct Page<B: Blueprint> {
    turned: Turned,
    entries: std::vec::IntoIter<Entry<B>>,
}

/// A task that is to go on.
pub(super) enum Settled<B: Blueprint> {
    /// From here.
    From(CameTo<B>),
    /// When it is brought back from disk.
    Later,
}

impl<B: Blueprint> Ledger<B> {
    pub(super) fn new(recorder: Arc<dyn Recorder<B>>) -> Self {
        Self {
            notebook: Arc::clone(&recorder).notebook(),
            recorder,
            page: Vec::new(),
            pages: VecDeque::new(),
            open: 0,
        }
    }

    /// How many tasks wait for a commit.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Records a transition. Returns it if there is nothing to write: a task that was cancelled keeps its last record.
    ///
    /// A failed attempt is recorded with the pause after it, so that a crash neither spends nor refunds attempts, nor cuts
    /// the pause. One that failed during a shutdown is not: the shutdown may be why.
    ///
    /// # Errors
    ///
    /// If it can't be written, with the task.
    pub(super) fn note(
        &mut self,
        came_to: CameTo<B>,
        is_running: bool,
    ) -> Result<Option<CameTo<B>>, (anyhow::Error, CameTo<B>)> {
        let notebook = &mut self.notebook;
        let noted = match &came_to {
            CameTo::Ended(result) if is_cancelled(result.outcome.as_ref().err()) => None,
            CameTo::Ended(result) => Some(notebook.ended(result).map(|()| None)),
            CameTo::Waits(task, _) if task.attempt > 1 && !is_running => None,
            CameTo::Waits(task, pause) => {
                let (id, ordinal) = (task.id, task.ordinal);
                Some(notebook.waits(id, ordinal, &task.state, task.attempt, *pause))
            }
            CameTo::AtGate(_) => None,
        };
        match noted {
            None => Ok(Some(came_to)),
            Some(Err(error)) => Err((error, came_to)),
            Some(Ok(wake)) => {
                self.open += 1;
                let waits = matches!(&came_to, CameTo::Waits(_, pause) if !pause.is_zero());
                self.page.push(Entry {
                    came_to,
                    since: waits.then(Instant::now),
                    wake,
                });
                Ok(None)
            }
        }
    }

    /// Hands over what was noted.
    pub(super) fn turn_page(&mut self, waker: &Waker) {
        if self.page.is_empty() {
            return;
        }
        self.pages.push_back(Page {
            turned: self.notebook.turn_page(waker),
            entries: std::mem::take(&mut self.page).into_iter(),
        });
    }

    /// Up to which position all is committed.
    ///
    /// # Errors
    ///
    /// If nothing more will be.
    pub(super) fn committed(&self) -> anyhow::Result<u64> {
        if self.open == 0 {
            return Ok(0);
        }
        self.recorder.committed()
    }

    /// Whether the next task is committed.
    pub(super) fn has_settled(&self, committed: u64) -> bool {
        let next = self.pages.front();
        next.is_some_and(|page| page.turned.position <= committed)
    }

    /// A task that is committed.
    pub(super) fn settle(&mut self, committed: u64) -> Option<Settled<B>> {
        loop {
            let page = self.pages.front_mut()?;
            let Turned { position, horizon } = page.turned;
            if position > committed {
                return None;
            }
            let Some(Entry {
                came_to,
                since,
                wake,
            }) = page.entries.next()
            else {
                self.pages.pop_front();
                continue;
            };
            let is_far = wake.is_some_and(|wake| wake >= horizon);
            self.open -= 1;
            return Some(match came_to {
                CameTo::Waits(task, _) if is_far => {
                    discard(task.state);
                    Settled::Later
                }
                CameTo::Waits(task, pause) => {
                    let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
                    Settled::From(CameTo::Waits(task, pause.saturating_sub(waited)))
                }
                came_to => Settled::From(came_to),
            });
        }
    }

    /// A task that will not be committed any more.
    pub(super) fn give_up(&mut self) -> Option<CameTo<B>> {
        while let Some(page) = self.pages.front_mut() {
            if let Some(entry) = page.entries.next() {
                self.open -= 1;
                return Some(entry.came_to);
            }
            self.pages.pop_front();
        }
        let entry = self.page.pop()?;
        self.open -= 1;
        Some(entry.came_to)
    }
}

fn is_cancelled(error: Option<&crate::TaskError>) -> bool {
    error.is_some_and(|error| error.kind() == TaskErrorKind::Cancelled)
}

impl<B: Blueprint> Drop for Ledger<B> {
    fn drop(&mut self) {
        while let Some(came_to) = self.give_up() {
            discard(came_to);
        }
    }
}

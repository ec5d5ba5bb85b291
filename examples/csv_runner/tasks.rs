//! The second pass over the tasks file: rows become tasks as they are asked for.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail};
use futures_util::{Stream, StreamExt as _, stream};
use orchestrator::Task;
use tokio::sync::mpsc;

use super::blueprint::TaskInput;
use super::check::Fingerprint;
use super::input::{Hashed, Input};
use super::rows::Rows;

/// How many batches are read ahead: one that is filled, those in the queue, and one that is emptied.
const BATCHES: usize = 2 + QUEUE;
/// How many batches wait in the queue.
const QUEUE: usize = 2;
/// How many tasks are handed over at a time, at most.
const BATCH_ROWS: usize = 256;
/// A batch is full when it has this many bytes. Its last row may have 1 MiB more, so no more than 8 MiB
/// are read ahead.
const BATCH_BYTES: usize = 1024 * 1024;
/// How many task types are kept to be shared, and how long each may be.
const TYPES: usize = 1024;
const LONGEST_TYPE: usize = 64;

/// Why the second pass ended early, if it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<anyhow::Error>>>);

impl Trouble {
    /// The error, once.
    pub(crate) fn take(&self) -> Option<anyhow::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, error: anyhow::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Returns the file's rows as a stream of tasks. A thread of its own reads them, so that a slow disk
/// holds up no step. It reads no more rows ahead than the run may have in flight (or four, if that is
/// more), and no more than 8 MiB of them: memory that counts rows alone has no bound when rows are long.
///
/// The stream ends early if the file is not what it was when it was checked. `trouble` has the error
/// then, and `stop` is called.
///
/// # Errors
///
/// Fails if the thread cannot be started. It is not one of the runtime's, which would queue the work
/// behind its own threads then, and wait forever.
pub(crate) fn tasks(
    input: Input,
    rows: u64,
    fingerprint: Fingerprint,
    window: usize,
    trouble: Trouble,
    stop: impl FnOnce() + Send + 'static,
) -> anyhow::Result<impl Stream<Item = Task<TaskInput>> + Send + 'static> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    thread::Builder::new()
        .name("tasks".into())
        .spawn(move || {
            if let Err(error) = send(&input, rows, fingerprint, window, &sender) {
                // In this order: whoever is stopped asks why.
                trouble.set(error);
                stop();
            }
        })
        .context("cannot start the thread that reads the tasks")?;
    Ok(stream::unfold(receiver, |mut receiver| async {
        let batch: Vec<_> = receiver.recv().await?;
        Some((stream::iter(batch), receiver))
    })
    .flatten())
}

/// Reads the file and sends its tasks, until all are sent or nobody takes them any more.
fn send(
    input: &Input,
    expected: u64,
    fingerprint: Fingerprint,
    window: usize,
    to: &mpsc::Sender<Vec<Task<TaskInput>>>,
) -> anyhow::Result<()> {
    let name = input.name();
    let changed = || format!("{name} changed while it was read; the results so far are kept");
    let mut rows = open(input).with_context(changed)?;
    let mut types = Types::default();
    let mut sent = 0;
    loop {
        let mut batch = Batch::new(window);
        let mut end = false;
        while !batch.is_full() && !end {
            match rows.next() {
                Ok(Some(Ok(row))) => batch.push(TaskInput {
                    task_id: row.task_id,
                    task_type: types.share(row.task_type),
                }),
                // It was counted in the first pass; were it new, the hash would differ.
                Ok(Some(Err(_))) => {}
                Ok(None) => end = true,
                Err(_) => bail!(changed()),
            }
        }
        if input.stamp().with_context(changed)? != fingerprint.stamp {
            bail!(changed());
        }
        let batch = batch.tasks;
        sent += batch.len() as u64;
        if end {
            // Before the last batch is sent: a run that has begun on all rows may end at any time.
            if sent != expected || rows.into_inner().hash() != fingerprint.hash {
                bail!(changed());
            }
            let _ = to.blocking_send(batch);
            return Ok(());
        }
        if to.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}

fn open(input: &Input) -> io::Result<Rows<Hashed<File>>> {
    let reader = Hashed::new(input.reader()?);
    Rows::new(reader).map_err(|_| io::Error::other("its header is another one"))
}

/// Tasks that are handed over together.
struct Batch {
    tasks: Vec<Task<TaskInput>>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    /// Returns an empty batch for a run that may have this many tasks in flight.
    fn new(window: usize) -> Self {
        let rows = (window / BATCHES).clamp(1, BATCH_ROWS);
        Self {
            tasks: Vec::with_capacity(rows),
            rows,
            bytes: 0,
        }
    }

    fn push(&mut self, input: TaskInput) {
        self.bytes += input.task_type.len();
        self.tasks.push(Task::new(input.task_id, input));
    }

    fn is_full(&self) -> bool {
        self.tasks.len() >= self.rows || self.bytes >= BATCH_BYTES
    }
}

/// Task types, each kept once: there are a few of them, on any number of rows.
#[derive(Default)]
struct Types(HashSet<Arc<str>>);

impl Types {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        if self.0.len() < TYPES && name.len() <= LONGEST_TYPE {
            self.0.insert(Arc::clone(&name));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_ahead_is_bounded_by_rows_and_by_bytes(
            window in prop_oneof![1..20_usize, 1..10_000_usize],
            lengths in prop::collection::vec(prop_oneof![0..100_usize, 0..1024 * 1024_usize], 1..50),
        ) {
            let text = "x".repeat(1024 * 1024);
            let mut batch = Batch::new(window);
            let mut lengths = lengths.into_iter().cycle();
            while !batch.is_full() {
                let task_type = text[..lengths.next().unwrap_or_default()].into();
                batch.push(TaskInput { task_id: 1, task_type });
            }
            prop_assert!(batch.tasks.len() * BATCHES <= window.max(BATCHES));
            prop_assert!(batch.bytes * BATCHES <= 8 * 1024 * 1024);
        }
    }
}

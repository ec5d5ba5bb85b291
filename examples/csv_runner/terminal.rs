//! The one writer of standard error: [`Terminal`].

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::printable::lines;
use super::progress::{Bar, Progress};
use super::redaction::redact;

/// How many messages may wait to be written. Who sends more waits.
const WAITING: usize = 1024;
/// How many messages are written at a time.
const BATCH: usize = 1024;
/// How many bytes of events are written at a time, except for the rest of the last one. An event may
/// be as long as a row, and would be copied once more for each of 1024 of them.
const BATCH_BYTES: usize = 1024 * 1024;

/// Takes what is to be shown on standard error: events, messages and progress.
///
/// All of it goes through one thread, so that lines and the progress bar do not run into each
/// other, and so that a terminal which takes nothing more (Ctrl-S) holds up the steps that write to
/// it and nothing else. Writing may fail, as when the other side was closed: it then stops, and
/// fails nothing.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    events: mpsc::Sender<Event>,
    messages: mpsc::Sender<Message>,
    quiet: bool,
}

/// A line, and whom to tell that it was written.
#[derive(Debug)]
struct Event {
    line: String,
    written: oneshot::Sender<()>,
}

/// What the thread is sent.
#[derive(Debug)]
enum Message {
    /// One line or several, and whom to tell that they were written.
    Events(String, oneshot::Sender<()>),
    Line(String),
    Progress(Progress),
    /// The bar is to go, and not to come back.
    EndProgress,
    Close,
}

/// Waits for the thread.
pub(crate) struct Closing {
    terminal: Terminal,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Terminal {
    /// Starts the writer. `progress` asks for a progress bar, which only a terminal gets.
    ///
    /// Must be called in a runtime.
    pub(crate) fn start(quiet: bool, progress: bool) -> io::Result<(Self, Closing)> {
        let (messages, to_write) = mpsc::channel(WAITING);
        let bar = if progress && !quiet && io::stderr().is_terminal() {
            Bar::on_standard_error()
        } else {
            Bar::hidden()
        };
        let (ending, ended) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("terminal".into())
            .spawn(move || {
                let _ending = ending;
                Writer::new(bar).run(to_write);
            })?;
        let (events, to_gather) = mpsc::channel(WAITING);
        tokio::spawn(gather(to_gather, messages.clone()));
        let terminal = Self {
            events,
            messages,
            quiet,
        };
        let closing = Closing {
            terminal: terminal.clone(),
            ended,
        };
        Ok((terminal, closing))
    }

    /// Writes an event, and returns when it was written. Nothing under `--quiet`.
    pub(crate) async fn event(&self, line: String) {
        if !self.quiet {
            self.said(line).await;
        }
    }

    /// Says what went wrong, and returns when it was written.
    pub(crate) async fn said(&self, line: String) {
        let (written, done) = oneshot::channel();
        // The writer is gone only when the program is about to end.
        if self.events.send(Event { line, written }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Says what is good to know. Nothing under `--quiet`. Not for async code.
    pub(crate) fn note(&self, line: impl Into<String>) {
        if !self.quiet {
            self.tell(line);
        }
    }

    /// Says what went wrong. Not for async code.
    pub(crate) fn error(&self, line: impl Into<String>) {
        self.tell(line);
    }

    /// Says what has to be known, under `--quiet` too. Not for async code.
    pub(crate) fn tell(&self, line: impl Into<String>) {
        let _ = self.messages.blocking_send(Message::Line(line.into()));
    }

    /// Says what is good to know, from async code. Nothing under `--quiet`.
    pub(crate) async fn note_async(&self, line: impl Into<String>) {
        if !self.quiet {
            let _ = self.messages.send(Message::Line(line.into())).await;
        }
    }

    /// Shows how far the program has come, unless the terminal is busy.
    pub(crate) fn progress(&self, progress: Progress) {
        // Room is left for what must be said: nobody waits to say it.
        if self.messages.capacity() > WAITING / 2 {
            let _ = self.messages.try_send(Message::Progress(progress));
        }
    }

    /// Removes the progress bar for good, once the thread gets to it.
    pub(crate) async fn end_progress(&self) {
        let _ = self.messages.send(Message::EndProgress).await;
    }
}

impl Closing {
    /// Returns when everything was written, or after `limit`.
    pub(crate) fn wait(self, limit: Option<Duration>) {
        let _ = self.terminal.messages.blocking_send(Message::Close);
        // Nothing is ever sent: either ends when the thread does.
        match limit {
            Some(limit) => drop(self.ended.recv_timeout(limit)),
            None => drop(self.ended.recv()),
        }
    }
}

/// Hands events to the thread, as many as there are at a time: waking it for each one would cost
/// more than a request does.
async fn gather(mut events: mpsc::Receiver<Event>, thread: mpsc::Sender<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = events.recv().await {
        // Whatever else is ready to run may have something to say, too.
        tokio::task::yield_now().await;
        let mut lines = String::new();
        let mut next = Some(first);
        while let Some(event) = next {
            lines.push_str(&event.line);
            lines.push('\n');
            batch.push(event.written);
            let is_full = batch.len() >= BATCH || lines.len() >= BATCH_BYTES;
            next = if is_full {
                None
            } else {
                events.try_recv().ok()
            };
        }
        let (written, done) = oneshot::channel();
        if thread.send(Message::Events(lines, written)).await.is_ok() {
            let _ = done.await;
        }
        for written in batch.drain(..) {
            // The step may have been dropped.
            let _ = written.send(());
        }
    }
}

/// What the thread works on.
struct Writer {
    bar: Bar,
    /// Whether a write has failed. Nothing is written from then on.
    broken: bool,
    lines: Vec<u8>,
    written: Vec<oneshot::Sender<()>>,
}

impl Writer {
    fn new(bar: Bar) -> Self {
        Self {
            bar,
            broken: false,
            lines: Vec::new(),
            written: Vec::new(),
        }
    }

    fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        while messages.blocking_recv_many(&mut batch, BATCH) > 0 {
            let mut progress = None;
            let (mut end, mut close) = (false, false);
            for message in batch.drain(..) {
                match message {
                    Message::Events(lines, done) => {
                        self.push(&lines);
                        self.written.push(done);
                    }
                    Message::Line(line) => {
                        self.push(&line);
                        self.lines.push(b'\n');
                    }
                    Message::Progress(latest) => progress = Some(latest),
                    Message::EndProgress => end = true,
                    Message::Close => close = true,
                }
            }
            if end || close {
                self.bar.remove();
            }
            self.write();
            if close {
                return;
            }
            if let Some(progress) = progress
                && !self.broken
            {
                self.bar.show(&progress);
            }
        }
        self.bar.remove();
    }

    /// Adds text, without the secrets of URLs and without what a terminal would obey.
    fn push(&mut self, text: &str) {
        self.lines
            .extend_from_slice(lines(&redact(text)).as_bytes());
    }

    /// Writes all lines at once, and tells those who wait for them.
    fn write(&mut self) {
        if !self.lines.is_empty() && !self.broken {
            let write = || io::stderr().lock().write_all(&self.lines);
            self.broken = self.bar.suspend(write).is_err();
        }
        self.lines.clear();
        for done in self.written.drain(..) {
            let _ = done.send(());
        }
    }
}

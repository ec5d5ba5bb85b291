//! SIGINT, SIGTERM and SIGHUP: [`Signals`].

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::exit::{End, Signal};
#[cfg(unix)]
use super::ignored_signals::IgnoredSignals;
use super::terminal::Terminal;

/// How long a last message may take when the program stops at once.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The signals so far, and what they do.
///
/// Before tasks run, a signal ends the program. After that the first one shuts the run down, and the
/// second one ends the program. Once the run has finished, the first one ends the program.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    /// Cancelled by the first signal, and by whoever else wants the run to be shut down.
    shutdown: CancellationToken,
    /// Set once tasks run, with what is said on how to go on with them.
    running: Arc<OnceLock<Option<String>>>,
    /// Set once the results are written, with how the run ended.
    finished: Arc<OnceLock<End>>,
    caught: Arc<OnceLock<Signal>>,
}

impl Signals {
    /// Listens from now on. Must be called in a runtime.
    pub(crate) fn listen(terminal: Terminal, grace: Duration) -> io::Result<Self> {
        let signals = Self {
            shutdown: CancellationToken::new(),
            running: Arc::default(),
            finished: Arc::default(),
            caught: Arc::default(),
        };
        let source = Source::new()?;
        tokio::spawn(signals.clone().handle(source, terminal, grace));
        Ok(signals)
    }

    /// Tasks run from now on: the first signal lets them end in order. `resume` is said if a second one
    /// does not.
    pub(crate) fn running(&self, resume: Option<String>) {
        let _ = self.running.set(resume);
    }

    /// The results are written. Nothing is left to do but to close the journal, which the next run does if a signal
    /// comes first.
    pub(crate) fn finished(&self, end: End) {
        let _ = self.finished.set(end);
    }

    /// The token that shuts the run down.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The first signal, if one has come.
    pub(crate) fn caught(&self) -> Option<Signal> {
        self.caught.get().copied()
    }

    async fn handle(self, mut source: Source, terminal: Terminal, grace: Duration) {
        let signal = source.next().await;
        self.stop_if_finished(&terminal).await;
        let _ = self.caught.set(signal);
        if self.running.get().is_none() {
            let words = "interrupted before anything ran";
            stop(&terminal, words, None, End::Interrupted(signal)).await;
        }
        self.shutdown.cancel();
        // In a task of its own: a terminal that takes nothing must not hold up the second signal.
        let note = format!(
            "stopping: requests under way may end within {grace:?}; a second signal stops at once"
        );
        let notes = terminal.clone();
        tokio::spawn(async move {
            notes.end_progress().await;
            notes.note_async(note).await;
        });
        let signal = source.next().await;
        self.stop_if_finished(&terminal).await;
        let resume = self.running.get().cloned().flatten();
        stop(
            &terminal,
            "stopped at once",
            resume,
            End::Interrupted(signal),
        )
        .await;
    }

    /// Ends the program if the run has finished.
    async fn stop_if_finished(&self, terminal: &Terminal) {
        if let Some(end) = self.finished.get() {
            let words = "the run has finished and its results are written: stopped while closing the journal";
            stop(terminal, words, None, *end).await;
        }
    }
}

/// Ends the program, whatever it is doing.
async fn stop(terminal: &Terminal, words: &str, resume: Option<String>, end: End) -> ! {
    let last_words = async {
        terminal.end_progress().await;
        terminal.event(words.to_owned()).await;
        if let Some(resume) = resume {
            terminal.said(resume).await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    std::process::exit(end.code().into());
}

/// Where signals come from. A signal that was ignored at the program's start stays ignored.
#[cfg(unix)]
struct Source {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let ignored = IgnoredSignals::of_this_process();
        let listen = |kind: SignalKind| {
            let heeded = !ignored.contains(kind.as_raw_value());
            heeded.then(|| signal(kind)).transpose()
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = received(&mut self.interrupt) => Signal::Interrupt,
            () = received(&mut self.terminate) => Signal::Terminate,
            () = received(&mut self.hangup) => Signal::Hangup,
        }
    }
}

/// Returns when the signal comes; never if it is ignored.
#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Where signals come from: Ctrl-C alone.
#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

//! How the program ends: [`End`].

use std::process::ExitCode;

/// How the program ended, which its exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every row is `Completed` or `Failed`.
    Complete,
    /// The run itself failed.
    Failed,
    /// Nothing ran: the arguments or the input are not right.
    NothingRan,
    /// It ran, but rows were skipped, or a failure limit was hit.
    Partial,
    /// The journal could not be written, or read.
    JournalBroke,
    /// A signal stopped it.
    Interrupted(Signal),
    /// The reader of the results went away.
    ReaderGone,
}

/// A request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C at the terminal.
    Interrupt,
    /// What `kill` and service managers send.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has it"))]
    Terminate,
}

impl End {
    /// The exit code. Ends by a signal read as a shell shows them: 128 and the signal's number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Failed => 1,
            Self::NothingRan => 2,
            Self::Partial => 3,
            Self::JournalBroke => 4,
            Self::Interrupted(Signal::Interrupt) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
            Self::ReaderGone => 141,
        }
    }
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        end.code().into()
    }
}

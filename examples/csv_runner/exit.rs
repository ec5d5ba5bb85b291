//! How the program ends: [`End`].

use std::process::ExitCode;

/// The exit codes, as the help lists them.
pub(crate) const CODES: &str = "\
Exit codes:
    0  every row is Completed or Failed
    1  the run itself failed, or its results could not be written
    2  nothing ran: the arguments, the input or the journal are not right
    3  it ran, but rows were skipped or a failure limit was hit
    4  the journal could not be written or read, which stopped the run
    5  every row ran and at least one is Failed (with --fail-if-failed)
  129  interrupted by SIGHUP
  130  interrupted by SIGINT
  143  interrupted by SIGTERM
  141  the reader of the results went away";

/// How the program ended, as its exit code says.
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
    /// Every row ran, at least one has failed, and `--fail-if-failed` makes that a failure.
    RowsFailed,
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
    /// The terminal, or the connection to it, was closed.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has it"))]
    Hangup,
}

impl End {
    /// Returns whether every row ran, so that the results are complete.
    pub(crate) fn is_complete(self) -> bool {
        matches!(self, Self::Complete | Self::RowsFailed)
    }

    /// Returns the exit code: for a signal 128 plus its number, as shells do.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Failed => 1,
            Self::NothingRan => 2,
            Self::Partial => 3,
            Self::JournalBroke => 4,
            Self::RowsFailed => 5,
            Self::Interrupted(Signal::Hangup) => 129,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_listed_in_the_help() {
        for end in [
            End::Complete,
            End::Failed,
            End::NothingRan,
            End::Partial,
            End::JournalBroke,
            End::RowsFailed,
            End::Interrupted(Signal::Hangup),
            End::Interrupted(Signal::Interrupt),
            End::Interrupted(Signal::Terminate),
            End::ReaderGone,
        ] {
            let code = format!("{:>5}  ", end.code());
            assert!(CODES.lines().any(|line| line.starts_with(&code)), "{end:?}");
        }
    }
}

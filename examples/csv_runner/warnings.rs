//! Warnings of the library and of Restate's SDK, on standard error: [`show`].

use std::io;

use tokio::runtime::Handle;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::terminal::Terminal;

/// Shows warnings from now on.
pub(crate) fn show(terminal: &Terminal, runtime: &Handle) {
    let warnings = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .without_time()
        .with_ansi(false)
        .with_writer(Warnings {
            terminal: terminal.clone(),
            runtime: runtime.clone(),
        });
    // The error would be that this process has another subscriber.
    let _ = warnings.try_init();
}

/// The SDK warns of each call that a server ends while its task waits.
fn is_expected(warning: &str) -> bool {
    warning.contains("restate_sdk") && warning.contains("\"Suspended invocation\"")
}

/// Writes lines to the terminal.
struct Warnings {
    terminal: Terminal,
    runtime: Handle,
}

struct Line<'a>(&'a Warnings);

impl<'a> MakeWriter<'a> for Warnings {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        if !is_expected(&text) {
            let terminal = self.0.terminal.clone();
            // In a task: whoever warns must not wait for a terminal.
            self.0
                .runtime
                .spawn(async move { terminal.said(text).await });
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

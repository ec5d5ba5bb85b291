//! How a run stands, by its journal: [`run`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::ZonedDateTime;
use orchestrator::Journal;
use orchestrator::journal::JournalStatus;

use super::exit::End;
use super::facts::ROWS;
use super::printable::{self, lines, one_line};
use super::redaction::redact;
use super::standard_output;
use super::summary::{counted, grouped};

/// Writes the state of the run in the journal at `path` to standard output.
pub(crate) fn run(path: &Path) -> End {
    let status = match Journal::status(path) {
        Ok(status) => status,
        Err(error) => {
            // Not by `eprintln!`, which panics if it can't be said.
            let error = error.to_string();
            let _ = writeln!(io::stderr(), "error: {}", lines(&redact(&error)));
            return End::NothingRan;
        }
    };
    let text = described(&status, SystemTime::now());
    let mut output = match standard_output::open() {
        Ok(output) => output,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: cannot write the status: {error:#}");
            return End::Failed;
        }
    };
    match output.write_all(format!("{}: {text}", printable::path(path)).as_bytes()) {
        Ok(()) => End::Complete,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => End::ReaderGone,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: cannot write the status: {error}");
            End::Failed
        }
    }
}

/// A time of day as people write it, where this is.
pub(crate) fn minute(time: SystemTime) -> String {
    shown(time, "%Y-%m-%d %H:%M")
}

fn shown(time: SystemTime, format: &str) -> String {
    match ZonedDateTime::try_from(time) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => "at a time beyond the calendar".into(),
    }
}

fn described(status: &JournalStatus, now: SystemTime) -> String {
    let ended = status.completed + status.failed;
    let under_way: u64 = status.steps.iter().map(|at| at.ready + at.waiting).sum();
    let rows = status.facts.iter().find(|(name, _)| name == ROWS);
    let rows = rows.and_then(|(_, value)| value.parse().ok());
    let rows: u64 = rows.unwrap_or(ended + under_way);

    let mut text = counted(rows, "row");
    match status.finished {
        Some(finished) if ended >= rows => {
            let _ = write!(text, ", finished {}", minute(finished));
        }
        _ => text.push_str(", not finished"),
    }
    let _ = write!(
        text,
        "\n  {} completed\n  {} failed\n",
        grouped(status.completed),
        grouped(status.failed)
    );
    for cause in &status.failures {
        let message = redact(&cause.message);
        let _ = writeln!(
            text,
            "    {}: {}: {}",
            grouped(cause.tasks),
            one_line(&cause.step),
            one_line(&message)
        );
    }
    for at in &status.steps {
        let step = one_line(&at.step);
        if at.ready > 0 {
            let _ = writeln!(text, "  {} at {step}", grouped(at.ready));
        }
        if at.waiting > 0 {
            let _ = writeln!(text, "  {} waiting for {step}", grouped(at.waiting));
        }
    }
    let unknown = rows.saturating_sub(ended + under_way);
    if unknown > 0 {
        let _ = writeln!(
            text,
            "  {} not begun, or in their first step",
            grouped(unknown)
        );
    }
    if let Some(doubt) = clock_in_doubt(status.written, now) {
        let _ = writeln!(text, "  {doubt}");
    }
    if status.held_bytes > HELD_BYTES {
        let _ = writeln!(
            text,
            "  the write-ahead log has grown to {} MB: another program has been reading the journal in one transaction",
            grouped(status.held_bytes / 1_000_000)
        );
    }
    if !status.wakes.is_empty() {
        text.push_str("next to go on:\n");
    }
    for (second, rows) in by_second(&status.wakes) {
        let left = Duration::from_secs(second.saturating_sub(seconds(now)));
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(second));
        let _ = writeln!(
            text,
            "  {}, in {}: {}",
            at.map_or_else(String::new, |at| shown(at, "%Y-%m-%d %H:%M:%S")),
            humantime::format_duration(left),
            counted(rows, "row")
        );
    }
    text
}

/// A write-ahead log of fewer bytes that are held up is not worth a word.
const HELD_BYTES: u64 = 128 << 20;

/// What to say if the clock cannot be right, or was not when the journal was last written.
fn clock_in_doubt(written: SystemTime, now: SystemTime) -> Option<String> {
    const MINUTE: Duration = Duration::from_secs(60);
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let (distance, side) = match now.duration_since(written) {
        Ok(ago) if ago > YEAR => (ago, "ago"),
        Err(ahead) if ahead.duration() > MINUTE => (ahead.duration(), "in the future"),
        _ => return None,
    };
    let units = [
        (365 * 86_400, "year"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
    ];
    let unit = units
        .iter()
        .find(|(seconds, _)| distance.as_secs() >= *seconds);
    let &(seconds, name) = unit?;
    Some(format!(
        "last written {}, {} {side}: is the clock right?",
        minute(written),
        counted(distance.as_secs() / seconds, name)
    ))
}

/// How many rows go on in each second.
fn by_second(wakes: &[(SystemTime, u64)]) -> BTreeMap<u64, u64> {
    let mut seconds_of_rows = BTreeMap::new();
    for &(at, rows) in wakes {
        *seconds_of_rows.entry(seconds(at)).or_default() += rows;
    }
    seconds_of_rows
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn in_doubt(written: Duration, now: Duration) -> Option<String> {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        clock_in_doubt(start + written, start + now)
    }

    #[test]
    fn a_clock_that_is_right_is_not_doubted() {
        assert_eq!(in_doubt(DAY, DAY), None);
        assert_eq!(in_doubt(DAY, 30 * DAY), None);
        // Two machines are never of quite the same time.
        assert_eq!(in_doubt(DAY + Duration::from_secs(50), DAY), None);
    }

    #[test]
    fn a_clock_that_is_years_off_is_doubted() {
        let doubt = in_doubt(DAY, 20 * 365 * DAY + DAY).unwrap();
        assert!(
            doubt.ends_with(", 20 years ago: is the clock right?"),
            "{doubt}"
        );
        let doubt = in_doubt(2 * DAY, DAY).unwrap();
        assert!(
            doubt.ends_with(", 1 day in the future: is the clock right?"),
            "{doubt}"
        );
    }
}

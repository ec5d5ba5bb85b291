//! What is said when the run is over: [`Tally`].

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use orchestrator::{TaskError, TaskResult};

use super::printable::one_line;

/// How many causes are told apart; the others are counted together. It bounds what a server that
/// fails in ever new words takes in memory.
const CAUSES: usize = 10;

/// How the rows ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// How many of these had ended in an earlier run, by the journal.
    pub(crate) replayed: u64,
    /// Rows that were begun and not brought to an end.
    pub(crate) cancelled: u64,
    /// Why rows failed, in the order in which the causes first came.
    causes: Vec<(String, u64)>,
    other_causes: u64,
}

impl Tally {
    /// Counts a result: that of a row that ended, or was given up.
    pub(crate) fn count<O>(&mut self, result: &TaskResult<O>, given_up: bool) {
        self.replayed += u64::from(result.replayed);
        match &result.outcome {
            Ok(_) => self.completed += 1,
            Err(_) if given_up => self.cancelled += 1,
            Err(error) => {
                self.failed += 1;
                self.count_cause(cause(error));
            }
        }
    }

    /// How many rows have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.completed + self.failed
    }

    fn count_cause(&mut self, cause: String) {
        let known = self.causes.iter().position(|(known, _)| *known == cause);
        match known {
            Some(at) => self.causes[at].1 += 1,
            None if self.causes.len() < CAUSES => self.causes.push((cause, 1)),
            None => self.other_causes += 1,
        }
    }

    /// Returns the cause that all failures have in common.
    fn only_cause(&self) -> Option<&str> {
        match &*self.causes {
            [(cause, _)] if self.other_causes == 0 => Some(cause),
            _ => None,
        }
    }

    /// Says that no row succeeded and that all failed for one reason, if that is so.
    pub(crate) fn only_reason(&self, rows: u64) -> Option<String> {
        let cause = self.only_cause().filter(|_| self.completed == 0)?;
        Some(match (self.failed, rows) {
            (1, 1) => format!("the only row failed: {cause}"),
            (failed, rows) if failed == rows => {
                format!("all {} rows failed for one reason: {cause}", grouped(rows))
            }
            (failed, _) => format!(
                "no row succeeded: {} failed for one reason: {cause}",
                counted(failed, "row")
            ),
        })
    }

    /// Returns the lines of the closing summary. The causes are left out where
    /// [`only_reason`](Self::only_reason) names them.
    pub(crate) fn summary(&self, door: &str, rows: u64, superseded: u64, took: Duration) -> String {
        let mut text = format!(
            "{} completed, {} failed of {} through the {door} door in {:.1} s",
            grouped(self.completed),
            grouped(self.failed),
            counted(rows, "row"),
            took.as_secs_f64()
        );
        if superseded > 0 {
            let _ = write!(text, "; {} superseded", grouped(superseded));
        }
        if self.replayed > 0 {
            let _ = write!(text, "; {} from the journal", grouped(self.replayed));
        }
        let unfinished = rows.saturating_sub(self.ended());
        if unfinished > 0 {
            let _ = write!(text, "; {} not finished", grouped(unfinished));
        }
        if self.only_reason(rows).is_some() {
            return text;
        }
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (cause, count) in causes {
            let _ = write!(text, "\n  {} failed: {cause}", grouped(*count));
        }
        if self.other_causes > 0 {
            let count = grouped(self.other_causes);
            let _ = write!(text, "\n  {count} failed for other causes");
        }
        text
    }
}

/// The step and its own error, without what differs from row to row.
fn cause(error: &TaskError) -> String {
    let own = error.source().map(ToString::to_string).unwrap_or_default();
    one_line(&format!("{}: {own}", error.step())).into_owned()
}

/// A number with its thousands apart: `3,000,001`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 row`, `3,000,001 rows`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {thing}{s}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1_000, 3_000_001, u64::MAX].map(grouped);
        let as_read = [
            "0",
            "999",
            "1,000",
            "3,000,001",
            "18,446,744,073,709,551,615",
        ];
        assert_eq!(shown, as_read);
        assert_eq!(counted(1, "row"), "1 row");
    }

    #[test]
    fn causes_beyond_the_tenth_are_counted_together() {
        let mut tally = Tally::default();
        for n in 0..25 {
            tally.failed += 1;
            tally.count_cause(format!("fetch_data: cause {}", n % 12));
        }
        let text = tally.summary("streaming", 25, 1, Duration::from_millis(1250));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "0 completed, 25 failed of 25 rows through the streaming door in 1.2 s; 1 superseded"
        );
        assert_eq!(lines[1], "  3 failed: fetch_data: cause 0");
        assert_eq!(lines[11], "  4 failed for other causes");
        assert_eq!(lines.len(), 12);
    }

    #[test]
    fn one_reason_for_all_failures_is_said_once() {
        let failed = |causes: &[&str], completed| {
            let mut tally = Tally {
                completed,
                ..Tally::default()
            };
            for cause in causes {
                tally.failed += 1;
                tally.count_cause((*cause).to_owned());
            }
            tally
        };
        let all = failed(&["s: x", "s: x"], 0);
        assert_eq!(
            all.only_reason(2).as_deref(),
            Some("all 2 rows failed for one reason: s: x")
        );
        assert!(
            !all.summary("channel", 2, 0, Duration::ZERO)
                .contains("s: x")
        );
        assert_eq!(
            all.only_reason(9).as_deref(),
            Some("no row succeeded: 2 rows failed for one reason: s: x")
        );
        assert_eq!(
            failed(&["s: x"], 0).only_reason(1).as_deref(),
            Some("the only row failed: s: x")
        );
        assert_eq!(failed(&["s: x"], 1).only_reason(2), None);
        assert_eq!(failed(&["s: x", "s: y"], 0).only_reason(2), None);
        assert_eq!(failed(&[], 0).only_reason(0), None);
    }
}

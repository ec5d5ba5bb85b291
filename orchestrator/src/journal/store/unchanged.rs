//! Texts that did not change from one record of a task to the next: [`Unchanged`].

use std::collections::HashMap;

use super::checksum::Sealed;

/// A shorter text is stored again: to remember it would cost more than that.
const LONG: usize = 512;

/// How many texts are remembered at most. Beyond that, all are forgotten and stored once more.
const MOST: usize = 200_000;

/// Where the long texts of tasks that have not ended are stored.
#[derive(Debug, Default)]
pub(super) struct Unchanged(HashMap<u64, Text>);

#[derive(Clone, Copy, Debug)]
struct Text {
    hash: u64,
    length: usize,
    /// The row of `log` that has it; 0 if `task` has it.
    at: i64,
}

impl Unchanged {
    /// Returns the row that has the record's text already, or remembers that the row `seq` is going to have it.
    pub(super) fn find(&mut self, sealed: &Sealed, seq: i64) -> Option<i64> {
        let record = &sealed.record;
        let text = record.stage.columns().text;
        if text.len() < LONG || record.stage.has_ended() {
            if !self.0.is_empty() {
                self.0.remove(&record.ordinal);
            }
            return None;
        }
        let known = self.0.get(&record.ordinal).copied();
        if let Some(known) = known
            && (known.hash, known.length) == (sealed.text, text.len())
        {
            return Some(known.at);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let text = Text {
            hash: sealed.text,
            length: text.len(),
            at: seq,
        };
        self.0.insert(record.ordinal, text);
        None
    }

    /// The log has been folded into `task`.
    pub(super) fn fold(&mut self) {
        self.0.values_mut().for_each(|text| text.at = 0);
    }
}

//! Checksums of what is stored, so that damage is noticed. All are XXH3, which is the same in every version.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128_with_seed};

use super::record::{Columns, Record};

/// Returns the hash of a task's input in serialized form, and of its id.
pub(crate) fn input(id: u64, json: &str) -> u128 {
    xxh3_128_with_seed(json.as_bytes(), id)
}

/// A record with what is computed from it before it reaches the thread that writes.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) record: Record,
    /// The hash of its text: a text that did not change is stored once.
    pub(super) text: u64,
    pub(super) checksum: u32,
}

impl From<Record> for Sealed {
    fn from(record: Record) -> Self {
        let columns = record.stage.columns();
        let text = xxh3_64(columns.text.as_bytes());
        let checksum = of_record(record.ordinal, record.id, &columns, text);
        Self {
            record,
            text,
            checksum,
        }
    }
}

/// Returns the checksum of a record that was read.
pub(super) fn of_read(record: &Record) -> u32 {
    let columns = record.stage.columns();
    let text = xxh3_64(columns.text.as_bytes());
    of_record(record.ordinal, record.id, &columns, text)
}

/// The checksum covers everything in the record, with the step by name: its number means nothing without another row.
fn of_record(ordinal: u64, id: u64, columns: &Columns<'_>, text: u64) -> u32 {
    let mut fields = [0; 64];
    let mut length = 0;
    let mut add = |value: u64| {
        if let Some(field) = fields.get_mut(length..length + 8) {
            field.copy_from_slice(&value.to_le_bytes());
            length += 8;
        }
    };
    add(ordinal);
    add(id);
    add(text);
    add(u64::from(columns.attempts) << 8 | u64::from(columns.stage));
    if let Some(wake) = &columns.wake {
        add(wake.at.cast_unsigned());
        add(wake.full_ms().cast_unsigned());
        add(wake.tick.cast_unsigned());
        add(u64::from(wake.clock));
    }
    let hash = xxh3_64(fields.get(..length).unwrap_or_default());
    let step = columns.step.unwrap_or_default();
    low(xxh3_64_with_seed(step.as_bytes(), hash))
}

/// Returns the checksum of a block of input hashes.
pub(super) fn of_block(block: i64, hashes: &[u8]) -> u32 {
    low(xxh3_64_with_seed(hashes, block.cast_unsigned()))
}

/// Returns what a row of `log` adds to the sum over all of them.
pub(super) fn of_log_row(seq: i64, ordinal: u64, checksum: u32) -> u64 {
    let seed = ordinal.rotate_left(32) ^ u64::from(checksum);
    xxh3_64_with_seed(&seq.to_le_bytes(), seed)
}

/// Returns what a row of `task` adds to the sum over all of them.
pub(super) fn of_task_row(ordinal: u64, checksum: u32) -> u64 {
    xxh3_64_with_seed(&ordinal.to_le_bytes(), checksum.into())
}

/// Returns the hash of several texts and the borders between them.
pub(super) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    texts.into_iter().fold(0, |hash, text| {
        xxh3_64_with_seed(text.as_bytes(), hash.wrapping_add(1))
    })
}

/// Returns the checksum of numbers.
pub(super) fn of_numbers(numbers: &[i64]) -> u32 {
    low(numbers.iter().fold(0, |hash, number| {
        xxh3_64_with_seed(&number.to_le_bytes(), hash)
    }))
}

fn low(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

//! Delays that are found by when they end: those longer than [`FAR`].

use std::time::Duration;

// As macros, for SQL and for Rust.
macro_rules! far_ms {
    () => {
        10_000
    };
}
macro_rules! slice_ms {
    () => {
        5_000
    };
}
pub(super) use {far_ms, slice_ms};

/// Delays that were longer than this when they began are found by when they end.
pub(crate) const FAR: Duration = Duration::from_millis(far_ms!());

/// The index holds the slice of time that a delay ends in, and not the millisecond: delays that end
/// in no order are written to a place for each slice, and not all over.
pub(crate) const SLICE: Duration = Duration::from_millis(slice_ms!());

/// The full length of a delay on disk: in milliseconds that have begun, so that one that is longer
/// than [`FAR`] is longer than that on disk, too.
pub(super) fn on_disk(full: Duration) -> i64 {
    i64::try_from(full.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Whether a record of a delay of this full length on disk is in the index.
pub(super) fn is_far(full: Option<i64>) -> bool {
    full.is_some_and(|full| full > far_ms!())
}

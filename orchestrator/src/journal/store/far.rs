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

/// What is found is a slice of time, and not the millisecond: delays that end in no order are put down
/// at a place for each slice, and not all over.
pub(crate) const SLICE: Duration = Duration::from_millis(slice_ms!());

/// The full length of a delay on disk: in milliseconds that have begun, so that one that is longer
/// than [`FAR`] is longer than that on disk, too.
pub(super) fn on_disk(full: Duration) -> i64 {
    i64::try_from(full.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// The number of the slice of time that a delay ends in, if it is one that is found by its end.
/// `wake` and `full` are as on disk.
pub(super) fn slice_of_far(wake: Option<i64>, full: Option<i64>) -> Option<i64> {
    full.filter(|full| *full > far_ms!())?;
    wake.map(slice)
}

/// The number of the slice of time that this moment (unix milliseconds) is in. As `SQLite` divides.
pub(super) const fn slice(at: i64) -> i64 {
    at / slice_ms!()
}

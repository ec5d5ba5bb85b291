//! The record of a task: [`Record`].

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::checksum;
use super::error::{Damage, damaged};

/// A task's newest record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The task's place in its run, from 0. Below 2^63.
    pub(crate) ordinal: u64,
    /// The task's own id.
    pub(crate) id: u64,
    /// How far it is.
    pub(crate) stage: Stage,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// This step is its next.
    Next {
        /// The step's name.
        step: Cow<'static, str>,
        /// The number of the next attempt at it, from 1.
        attempt: u32,
        /// The step's input.
        json: String,
        /// When the step may begin, if the task waits for a time.
        wake: Option<Wake>,
    },
    /// It has completed with this output.
    Completed {
        /// The output.
        json: String,
    },
    /// It has failed.
    Failed {
        /// The step that failed.
        step: Cow<'static, str>,
        /// How many attempts at it were made.
        attempts: u32,
        /// How it failed.
        kind: FailureKind,
        /// The step's own error, in words.
        message: String,
    },
}

/// When a delay ends, and how long it was when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    /// By the time of day, in unix milliseconds. Not before 1970.
    pub(crate) at: i64,
    /// In whole milliseconds on disk, rounded up.
    pub(crate) full: Duration,
    /// The number of the clock that `tick` is read from.
    pub(crate) clock: u32,
    /// By that clock, in milliseconds.
    pub(crate) tick: i64,
}

impl Wake {
    /// The full length of the delay in milliseconds, rounded up.
    pub(super) fn full_ms(&self) -> i64 {
        i64::try_from(self.full.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
    }
}

/// How a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It returned an error.
    Failed,
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked,
}

// The numbers on disk.
const NEXT: u8 = 0;
const COMPLETED: u8 = 1;

impl FailureKind {
    const fn stage(self) -> u8 {
        match self {
            Self::Failed => 2,
            Self::TimedOut => 3,
            Self::Panicked => 4,
        }
    }

    pub(super) const fn of_stage(stage: i64) -> Option<Self> {
        match stage {
            2 => Some(Self::Failed),
            3 => Some(Self::TimedOut),
            4 => Some(Self::Panicked),
            _ => None,
        }
    }
}

/// The parts of a record's stage.
pub(super) struct Columns<'a> {
    pub(super) stage: u8,
    pub(super) step: Option<&'a str>,
    /// Those that were made; of a task that has not ended, at its next step.
    pub(super) attempts: u32,
    pub(super) wake: Option<Wake>,
    pub(super) text: &'a str,
}

impl Stage {
    pub(super) fn columns(&self) -> Columns<'_> {
        match self {
            Self::Next {
                step,
                attempt,
                json,
                wake,
            } => Columns {
                stage: NEXT,
                step: Some(step),
                attempts: attempt.saturating_sub(1),
                wake: *wake,
                text: json,
            },
            Self::Completed { json } => Columns {
                stage: COMPLETED,
                step: None,
                attempts: 0,
                wake: None,
                text: json,
            },
            Self::Failed {
                step,
                attempts,
                kind,
                message,
            } => Columns {
                stage: kind.stage(),
                step: Some(step),
                attempts: *attempts,
                wake: None,
                text: message,
            },
        }
    }

    /// Whether the task has ended.
    pub(super) fn has_ended(&self) -> bool {
        !matches!(self, Self::Next { .. })
    }
}

/// The column `at`: stage, step and attempts as one number, which takes no byte for a task that has completed. For a task that
/// waits for a time it is a text of five numbers, the time of day first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum At {
    Number(i64),
    Waits(String),
}

/// Of the bits of the number: three for the stage, sixteen for the step.
const STEP_SHIFT: u32 = 3;
const ATTEMPTS_SHIFT: u32 = 19;

impl At {
    pub(super) fn new(columns: &Columns<'_>, step: Option<i64>) -> Self {
        let number = i64::from(columns.stage)
            | step.unwrap_or(0) << STEP_SHIFT
            | i64::from(columns.attempts) << ATTEMPTS_SHIFT;
        match &columns.wake {
            None => Self::Number(number),
            Some(wake) => Self::Waits(format!(
                "{:019} {number} {} {} {}",
                wake.at,
                wake.full_ms(),
                wake.clock,
                wake.tick
            )),
        }
    }
}

/// Returns when the task of this column wakes, if it waits for a time.
pub(super) fn wake_of(at: ValueRef<'_>) -> Result<Option<Wake>, Damage> {
    match at {
        ValueRef::Integer(_) => Ok(None),
        ValueRef::Text(text) => waits(text).map(|(wake, _)| Some(wake)),
        _ => Err(Damage("a record has no place")),
    }
}

fn waits(text: &[u8]) -> Result<(Wake, i64), Damage> {
    let parse = || {
        let mut numbers = std::str::from_utf8(text).ok()?.split(' ');
        let mut next = || numbers.next()?.parse::<i64>().ok();
        let (at, number, full, clock, tick) = (next()?, next()?, next()?, next()?, next()?);
        let wake = Wake {
            at,
            full: Duration::from_millis(full.try_into().ok()?),
            clock: clock.try_into().ok()?,
            tick,
        };
        numbers.next().is_none().then_some((wake, number))
    };
    parse().ok_or(Damage("a record has a delay that cannot be read"))
}

/// Selects what [`read`] reads, from `log` or `task` as `r`.
macro_rules! select_record {
    ($text:literal, $($rest:tt)*) => {
        concat!(
            "SELECT r.ordinal, r.id, r.at, step.name, r.checksum, ",
            $text,
            " ",
            $($rest)*,
        )
    };
}
pub(super) use select_record;

/// The join that gives a record of `r` the name of its step.
macro_rules! join_step {
    () => {
        " LEFT JOIN step ON step.number = (
            CASE typeof(r.at) WHEN 'text' THEN CAST(substr(r.at, 21) AS INTEGER) ELSE r.at END >> 3
        ) & 65535 "
    };
}
pub(super) use join_step;

/// Reads the record in a row of [`select_record`], and checks it.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let ordinal = row.get::<_, i64>(0)?;
    let id = ordinal.wrapping_add(row.get(1)?);
    let (wake, number) = match row.get_ref(2)? {
        ValueRef::Integer(number) => (None, number),
        ValueRef::Text(text) => {
            let (wake, number) = waits(text).map_err(damaged)?;
            (Some(wake), number)
        }
        _ => return Err(damaged(Damage("a record has no place"))),
    };
    let step = || {
        let name = row.get::<_, Option<String>>(3)?;
        name.map(Cow::Owned)
            .ok_or_else(|| damaged(Damage("a record has a step without a name")))
    };
    let attempts = u32::try_from(number >> ATTEMPTS_SHIFT).map_err(|_| {
        damaged(Damage(
            "a record has a number of attempts that is too large",
        ))
    })?;
    let text = row.get(5)?;
    let stage = match number & ((1 << STEP_SHIFT) - 1) {
        0 => Stage::Next {
            step: step()?,
            attempt: attempts.saturating_add(1),
            json: text,
            wake,
        },
        1 => Stage::Completed { json: text },
        stage => Stage::Failed {
            step: step()?,
            attempts,
            kind: FailureKind::of_stage(stage)
                .ok_or_else(|| damaged(Damage("a record has an unknown stage")))?,
            message: text,
        },
    };
    let record = Record {
        ordinal: ordinal.cast_unsigned(),
        id: id.cast_unsigned(),
        stage,
    };
    if row.get::<_, u32>(4)? != checksum::of_read(&record) {
        return Err(damaged(Damage("a record does not match its checksum")));
    }
    Ok(record)
}

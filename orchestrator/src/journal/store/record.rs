//! What is written of a task: [`Record`].

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::Type;

use super::far;

/// A task's newest record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The how-manieth of the run's tasks it is, from 0. Below 2^63.
    pub(crate) ordinal: u64,
    /// The task's own id.
    pub(crate) id: u64,
    /// How far it is.
    pub(crate) stage: Stage,
    /// The hash of its input, where somebody asks for it.
    pub(crate) hash: Option<u64>,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It stands before a step.
    Stands {
        /// The step's name.
        step: Cow<'static, str>,
        /// The step's input.
        json: String,
        /// When it goes on, if it is in a delay.
        wake: Option<Wake>,
    },
    /// It is through, with this output.
    Completed {
        /// The output.
        json: String,
    },
    /// It has failed.
    Failed {
        /// In which step.
        step: Cow<'static, str>,
        /// How many times that was begun.
        attempts: u32,
        /// In which way.
        kind: FailureKind,
        /// The step's own error, in words.
        message: String,
    },
}

/// When a delay ends, and how long it was when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    /// Unix milliseconds.
    pub(crate) at: i64,
    /// In whole milliseconds on disk, rounded up.
    pub(crate) full: Duration,
}

/// In which way a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It returned an error.
    Failed,
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked,
}

// The numbers on disk. They stay what they are.
const STANDS: i64 = 0;
const COMPLETED: i64 = 1;

impl FailureKind {
    const fn stage(self) -> i64 {
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

/// The columns of a record that depend on its stage.
pub(super) struct Columns<'a> {
    pub(super) stage: i64,
    pub(super) step: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) wake: Option<i64>,
    pub(super) full: Option<i64>,
    pub(super) attempts: Option<u32>,
}

impl Stage {
    pub(super) fn columns(&self) -> Columns<'_> {
        match self {
            Self::Stands { step, json, wake } => Columns {
                stage: STANDS,
                step: Some(step),
                text: json,
                wake: wake.map(|wake| wake.at),
                full: wake.map(|wake| far::on_disk(wake.full)),
                attempts: None,
            },
            Self::Completed { json } => Columns {
                stage: COMPLETED,
                step: None,
                text: json,
                wake: None,
                full: None,
                attempts: None,
            },
            Self::Failed {
                step,
                attempts,
                kind,
                message,
            } => Columns {
                stage: kind.stage(),
                step: Some(step),
                text: message,
                wake: None,
                full: None,
                attempts: Some(*attempts),
            },
        }
    }
}

/// Selects what [`read`] reads, from `log` or `task` as `r`.
macro_rules! select_record {
    ($($rest:tt)*) => {
        concat!(
            "SELECT r.ordinal, r.id, r.stage, step.name, r.text, r.wake, r.full, r.attempts, r.hash ",
            $($rest)*
        )
    };
}
pub(super) use select_record;

/// The record in a row of [`select_record`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let step = || row.get::<_, String>(3).map(Cow::Owned);
    let text = row.get(4)?;
    let stage = match row.get(2)? {
        STANDS => Stage::Stands {
            step: step()?,
            json: text,
            wake: match row.get(5)? {
                Some(at) => Some(Wake {
                    at,
                    full: Duration::from_millis(row.get::<_, i64>(6)?.try_into().unwrap_or(0)),
                }),
                None => None,
            },
        },
        COMPLETED => Stage::Completed { json: text },
        other => Stage::Failed {
            step: step()?,
            attempts: row.get(7)?,
            kind: FailureKind::of_stage(other).ok_or_else(|| {
                let what = format!("a record with the unknown stage {other}");
                rusqlite::Error::FromSqlConversionFailure(2, Type::Integer, what.into())
            })?,
            message: text,
        },
    };
    Ok(Record {
        ordinal: row.get::<_, i64>(0)?.cast_unsigned(),
        id: row.get::<_, i64>(1)?.cast_unsigned(),
        stage,
        hash: row.get::<_, Option<i64>>(8)?.map(i64::cast_unsigned),
    })
}

//! What distributed engines have in common: one that keeps a durable record of each task's steps, and calls
//! whichever process is there to take the next one.
//!
//! * [`wire`]: a task and what becomes of it, as JSON.
//! * [`fingerprint`]: what it is told by from others.
//! * [`walk`]: a task's way through its steps, over what the engine has to offer ([`History`]).
//! * [`progress`]: how far it has come, and how it ended.
//! * [`places`]: what bounds the steps in this process.
//! * [`executing`]: the steps that execute in it.
//! * [`pipeline`]: what the steps of a blueprint are told by.

mod executing;
mod fingerprint;
mod pipeline;
mod places;
mod progress;
#[cfg(test)]
mod remembered;
mod walk;
#[cfg(test)]
mod walked;
mod wire;

pub(crate) use self::fingerprint::fingerprint;
pub(crate) use self::pipeline::pipeline;
pub(crate) use self::places::Places;
pub(crate) use self::progress::End;
pub(crate) use self::walk::{History, Interrupted, Walk, shortened};
pub(crate) use self::wire::{Completed, Failed, Record, Submission, raw};

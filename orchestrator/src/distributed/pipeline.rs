//! What the steps of a blueprint are told by: [`pipeline`].

use std::fmt::Write as _;

use crate::{Blueprint, StepKind, fnv};

/// A fingerprint of a blueprint's steps: their names, kinds and order.
pub(crate) fn pipeline<B: Blueprint>() -> String {
    format!("{:016x}", fnv::hash(&steps::<B>()))
}

/// The steps of a blueprint, for people.
pub(super) fn steps<B: Blueprint>() -> String {
    let mut steps = String::new();
    for step in B::STEPS {
        let kind = match step.kind() {
            StepKind::Step => "",
            StepKind::Delay => "delay ",
        };
        let gap = if steps.is_empty() { "" } else { ", " };
        // Writing to a text can't fail.
        let _ = write!(steps, "{gap}{kind}{}", step.name());
    }
    steps
}

//! The options of a step: what stands in the parentheses of `#[step(…)]` and `#[delay(…)]`.

use std::time::Duration;

use proc_macro2::Ident;
use syn::Expr;

use crate::attributes::{Kind, Mark};
use crate::entries::{self, Entry, Value};
use crate::errors::Errors;
use crate::values::{self, Length, Rate};

/// The options of `#[step(…)]`.
pub(crate) const STEP: [&str; 5] = ["timeout", "retry", "limit", "rate", "name"];
/// The options of `#[delay(…)]`.
pub(crate) const DELAY: [&str; 1] = ["name"];
/// The options of `retry(…)`.
pub(crate) const RETRY: [&str; 4] = ["times", "backoff", "max", "when"];

/// The longest pause unless `max` says otherwise: `Retry::MAX` of the runtime crate.
const MAX: Duration = Duration::from_secs(30);

/// The options of a step.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Length>,
    pub(crate) retry: Option<Retry>,
    pub(crate) limit: Option<Expr>,
    pub(crate) rate: Option<Rate>,
    /// The name, and where it stands.
    pub(crate) name: Option<(String, Expr)>,
}

/// `retry = …` or `retry(…)`.
pub(crate) struct Retry {
    /// The word `retry`.
    pub(crate) name: Ident,
    pub(crate) times: Expr,
    pub(crate) backoff: Option<Length>,
    pub(crate) max: Option<Length>,
    pub(crate) when: Option<Expr>,
    /// As it was written.
    pub(crate) text: String,
}

impl Options {
    /// The options that stand behind `#[step` or `#[delay`.
    pub(crate) fn of(mark: &Mark, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let (valid, of): (&[&str], _) = match mark.kind {
            Kind::Step => (&STEP, "a step"),
            Kind::Delay => (&DELAY, "a delay"),
        };
        let list = mark.arguments.clone();
        for entry in entries::parse(list, valid, of, errors).entries {
            match entry.name.to_string().as_str() {
                "timeout" => options.timeout = timeout(entry, errors),
                "retry" => options.retry = retry(entry, errors),
                "limit" => options.limit = values::limit(entry, errors),
                "rate" => options.rate = values::rate(entry, errors),
                _ => options.name = values::name(entry, errors),
            }
        }
        options
    }

    /// Whether the step is bounded over all tasks.
    pub(crate) fn has_bounds(&self) -> bool {
        self.limit.is_some() || self.rate.is_some()
    }
}

fn timeout(entry: Entry, errors: &mut Errors) -> Option<Length> {
    let expr = entry.expr("\"10s\"", errors)?;
    let literal = expr.clone();
    let timeout = values::length(expr, errors)?;
    if let Length::Fixed(Duration::ZERO, _) = timeout {
        errors.under(literal, "a timeout of zero leaves no time for the step");
        return None;
    }
    Some(timeout)
}

fn retry(entry: Entry, errors: &mut Errors) -> Option<Retry> {
    let name = entry.name.clone();
    let list = match entry.value {
        Value::List(list) => list,
        Value::Expr(expr) => {
            return Some(Retry {
                name,
                text: values::text(&expr),
                times: values::times(expr, errors)?,
                backoff: None,
                max: None,
                when: None,
            });
        }
        Value::Nothing => {
            errors.at(name.span(), RETRY_HOW);
            return None;
        }
    };
    let text = values::text(&list);
    let (mut count, mut backoff, mut max, mut when) = (None, None, None, None);
    let (mut counted, mut first_pause) = (false, None);
    let parsed = entries::parse(list, &RETRY, "`retry`", errors);
    for entry in parsed.entries {
        match entry.name.to_string().as_str() {
            "times" => {
                counted = true;
                let expr = entry.expr("2", errors);
                count = expr.and_then(|expr| values::times(expr, errors));
            }
            "backoff" => {
                first_pause = entry.expr("\"200ms\"", errors);
                let expr = first_pause.clone();
                backoff = expr.and_then(|expr| values::length(expr, errors));
            }
            "max" => {
                let expr = entry.expr("\"10s\"", errors);
                max = expr.and_then(|expr| values::length(expr, errors));
            }
            _ => when = entry.expr("is_transient", errors),
        }
    }
    if !counted && !parsed.is_broken {
        errors.at(name.span(), RETRY_HOW);
    }
    if let Some(Length::Fixed(backoff, _)) = backoff {
        let longer = match max {
            Some(Length::Fixed(max, _)) => (backoff > max).then_some("`max`"),
            Some(Length::Computed(_)) => None,
            None => (backoff > MAX).then_some("the longest pause, 30s unless `max` is given"),
        };
        if let Some(than) = longer {
            errors.under(first_pause, format!("`backoff` is longer than {than}"));
        }
    }
    Some(Retry {
        name,
        times: count?,
        backoff,
        max,
        when,
        text,
    })
}

const RETRY_HOW: &str = "how often? Write `retry = 2` or `retry(times = 2)`: up to two further attempts after the first";

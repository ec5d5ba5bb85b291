//! The options of a step: what stands in the parentheses of `#[step(…)]`.

use std::time::Duration;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Lit};

use crate::attributes::Mark;
use crate::duration;
use crate::entries::{self, Entry, Value};
use crate::errors::Errors;

/// The options of `#[step(…)]`.
pub(crate) const STEP: [&str; 2] = ["timeout", "retry"];
/// The options of `retry(…)`.
pub(crate) const RETRY: [&str; 4] = ["times", "backoff", "max", "when"];

/// The longest pause unless `max` says otherwise: `Retry::MAX` of the runtime crate.
const MAX: Duration = Duration::from_secs(30);

/// The options of a step.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Length>,
    pub(crate) retry: Option<Retry>,
}

/// How long something takes.
pub(crate) enum Length {
    /// A string literal, checked.
    Fixed(Duration, String),
    /// An expression of type `Duration`.
    Computed(Expr),
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

impl Length {
    /// As it was written.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Fixed(_, text) => text.clone(),
            Self::Computed(expr) => text(expr),
        }
    }
}

/// The options of `#[step…]`.
pub(crate) fn of_step(mark: &Mark, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let Some(list) = list(mark, "timeout = \"10s\"", errors) else {
        return options;
    };
    for entry in entries::parse(list, &STEP, "a step", errors) {
        if entry.name == "timeout" {
            options.timeout = timeout(entry, errors);
        } else {
            options.retry = retry(entry, errors);
        }
    }
    options
}

/// A delay has no options.
pub(crate) fn of_delay(mark: &Mark, errors: &mut Errors) {
    if !mark.arguments.is_empty() {
        errors.under(
            &mark.arguments,
            "a delay takes no options: how long to wait is what it returns, and nothing runs that could be timed or tried again",
        );
    }
}

/// The list in the parentheses after the attribute's name.
fn list(mark: &Mark, example: &str, errors: &mut Errors) -> Option<TokenStream> {
    let mut arguments = mark.arguments.clone().into_iter();
    match (arguments.next(), arguments.next()) {
        (None, _) => None,
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => {
            Some(group.stream())
        }
        _ => {
            let name = &mark.name;
            errors.under(
                &mark.arguments,
                format!("write `#[{name}]` or `#[{name}({example})]`"),
            );
            None
        }
    }
}

fn timeout(entry: Entry, errors: &mut Errors) -> Option<Length> {
    let expr = entry.expr("\"10s\"", errors)?;
    let literal = expr.clone();
    let timeout = length(expr, errors)?;
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
                text: text(&expr),
                times: times(expr, errors)?,
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
    let text = text(&list);
    let (mut count, mut backoff, mut max, mut when) = (None, None, None, None);
    let (mut counted, mut first_pause) = (false, None);
    for entry in entries::parse(list, &RETRY, "`retry`", errors) {
        if entry.name == "times" {
            counted = true;
            count = entry.expr("2", errors).and_then(|expr| times(expr, errors));
        } else if entry.name == "backoff" {
            first_pause = entry.expr("\"200ms\"", errors);
            backoff = first_pause.clone().and_then(|expr| length(expr, errors));
        } else if entry.name == "max" {
            max = entry
                .expr("\"10s\"", errors)
                .and_then(|expr| length(expr, errors));
        } else {
            when = entry.expr("is_transient", errors);
        }
    }
    if !counted {
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

/// A number of attempts: a whole number, or an expression whose type rustc checks.
fn times(expr: Expr, errors: &mut Errors) -> Option<Expr> {
    let is_count = match literal(&expr) {
        Some(Lit::Int(number)) => {
            matches!(number.suffix(), "" | "u32") && number.base10_parse::<u32>().is_ok()
        }
        Some(_) => false,
        None => true,
    };
    if !is_count {
        errors.under(
            expr,
            "the number of further attempts is a whole number (`u32`)",
        );
        return None;
    }
    Some(expr)
}

/// A duration: a literal, which is checked here, or an expression, whose type rustc checks.
fn length(expr: Expr, errors: &mut Errors) -> Option<Length> {
    let message = match literal(&expr) {
        None => return Some(Length::Computed(expr)),
        Some(Lit::Str(text)) => match duration::parse(&text.value()) {
            Ok(duration) => return Some(Length::Fixed(duration, text.value())),
            Err(message) => message,
        },
        Some(Lit::Int(number)) if number.suffix().is_empty() => {
            format!("{number}: which unit? Write \"{number}s\" or \"{number}ms\"")
        }
        Some(Lit::Float(number)) if number.suffix().is_empty() => {
            format!("{number}: which unit? Write \"{number}s\" or \"{number}ms\"")
        }
        Some(Lit::Int(number)) => format!("write it in quotes: \"{number}\""),
        Some(Lit::Float(number)) => format!("write it in quotes: \"{number}\""),
        Some(_) => "write a duration such as \"10s\", or an expression of type `Duration`".into(),
    };
    errors.under(expr, message);
    None
}

/// The literal that the expression is, if it is one; a `macro_rules` may have wrapped it.
fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(literal) => Some(&literal.lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The tokens as one line.
fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

//! What options are set to: durations, rates, names, numbers. Literals are checked here, the types of
//! expressions by rustc.

use std::time::Duration;

use proc_macro2::Literal;
use quote::ToTokens;
use syn::{Expr, Lit, UnOp};

use crate::entries::Entry;
use crate::errors::Errors;
use crate::{duration, rate};

/// How long something takes.
pub(crate) enum Length {
    /// A string literal, checked.
    Fixed(Duration, String),
    /// An expression of type `Duration`.
    Computed(Expr),
}

/// How often something begins.
pub(crate) enum Rate {
    /// A string literal, checked: so many times in so much time.
    Fixed(u32, Duration, String),
    /// An expression of type `Rate`.
    Computed(Expr),
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

impl Rate {
    /// As it was written.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Fixed(_, _, text) => text.clone(),
            Self::Computed(expr) => text(expr),
        }
    }
}

/// A duration.
pub(crate) fn length(expr: Expr, errors: &mut Errors) -> Option<Length> {
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

/// A number of attempts.
pub(crate) fn times(expr: Expr, errors: &mut Errors) -> Option<Expr> {
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

/// A number of tasks.
pub(crate) fn limit(entry: Entry, errors: &mut Errors) -> Option<Expr> {
    let expr = entry.expr("10", errors)?;
    let message = match literal(&expr) {
        None => return Some(expr),
        Some(Lit::Int(number)) if matches!(number.suffix(), "" | "usize") => {
            match number.base10_parse::<u64>() {
                Ok(0) => "a limit of 0 would let no task in",
                Ok(_) => return Some(expr),
                Err(_) => "a limit is a whole number (`usize`)",
            }
        }
        Some(_) => "a limit is a whole number (`usize`): the most tasks in the step at once",
    };
    errors.under(expr, message);
    None
}

/// A rate.
pub(crate) fn rate(entry: Entry, errors: &mut Errors) -> Option<Rate> {
    let expr = entry.expr("\"100/s\"", errors)?;
    let message = match literal(&expr) {
        None => return Some(Rate::Computed(expr)),
        Some(Lit::Str(text)) => match rate::parse(&text.value()) {
            Ok((count, per)) => return Some(Rate::Fixed(count, per, text.value())),
            Err(message) => message,
        },
        Some(Lit::Int(number)) if number.suffix().is_empty() => rate::in_what_time(&number),
        Some(_) => "write a rate such as \"100/s\", or an expression of type `Rate`".into(),
    };
    errors.under(expr, message);
    None
}

/// A name, for people and for stored runs: a string literal.
pub(crate) fn name(entry: Entry, errors: &mut Errors) -> Option<(String, Expr)> {
    let expr = entry.expr("\"a_name\"", errors)?;
    let Some(Lit::Str(text)) = literal(&expr) else {
        errors.under(expr, "a name is a string literal");
        return None;
    };
    let name = text.value();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        errors.under(
            expr,
            "a name is made of letters, digits, `_`, `-` and `.`, at least one",
        );
        return None;
    }
    Some((name, expr))
}

/// The literal that the expression is, if it is one; a `macro_rules` may have wrapped it. One with a
/// minus is read as no number, for none of the values can be negative.
fn literal(expr: &Expr) -> Option<Lit> {
    match expr {
        Expr::Lit(literal) => Some(literal.lit.clone()),
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            literal(&unary.expr).map(|_| Lit::Verbatim(Literal::string("")))
        }
        _ => None,
    }
}

/// The expression without the invisible delimiters of a `macro_rules`.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        expr => expr,
    }
}

/// The tokens as one line.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

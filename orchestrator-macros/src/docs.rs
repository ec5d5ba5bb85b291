//! The doc comment of a step, for `STEPS`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Expr, Lit, Meta};

use crate::values::ungrouped;

/// The doc comment of a step: its lines, or none.
#[derive(Default)]
pub(crate) struct Doc(Vec<Line>);

/// What one `#[doc = …]` says.
pub(crate) enum Line {
    Text(String),
    /// A macro that stands for a text: `concat!(…)`, `include_str!(…)`.
    Macro(TokenStream),
}

impl Line {
    /// What the attribute says, if it is of a doc comment.
    pub(crate) fn of(attribute: &TokenStream) -> Option<Self> {
        let Ok(Meta::NameValue(pair)) = syn::parse2(attribute.clone()) else {
            return None;
        };
        if !pair.path.is_ident("doc") {
            return None;
        }
        match ungrouped(pair.value) {
            Expr::Lit(expr) => match expr.lit {
                Lit::Str(text) => Some(Self::Text(unframed(&text.value()))),
                _ => None,
            },
            Expr::Macro(text) => Some(Self::Macro(text.to_token_stream())),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Macro(_) => None,
        }
    }
}

impl Doc {
    pub(crate) fn of(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    /// The text, as an expression; `None` if there is none.
    pub(crate) fn expression(&self) -> Option<TokenStream> {
        if let Some(lines) = self.0.iter().map(Line::text).collect::<Option<Vec<_>>>() {
            let text = lines.join("\n");
            let text = text.trim();
            return (!text.is_empty()).then(|| text.to_token_stream());
        }
        let lines = self.0.iter().map(|line| match line {
            Line::Text(text) => text.to_token_stream(),
            Line::Macro(text) => text.clone(),
        });
        let mut parts = Vec::new();
        for line in lines {
            if !parts.is_empty() {
                parts.push(quote!("\n"));
            }
            parts.push(line);
        }
        Some(quote!(::core::concat!(#(#parts),*)))
    }
}

/// The text without the space, or the column of stars, that a comment has in front of its lines.
fn unframed(text: &str) -> String {
    let text = text.strip_prefix(' ').unwrap_or(text).trim_end();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    // As rustc does: it is a column if it goes all the way down.
    let column = lines.map(|line| {
        let line = line.trim_start().strip_prefix('*')?;
        (line.is_empty() || line.starts_with(' ')).then(|| line.strip_prefix(' ').unwrap_or(line))
    });
    match column.collect::<Option<Vec<_>>>() {
        Some(rest) if !rest.is_empty() => format!("{first}\n{}", rest.join("\n")),
        _ => text.to_owned(),
    }
}

//! `name = value, name(list), …`: what stands in the parentheses of an attribute.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Token, token};

use crate::errors::Errors;
use crate::suggest;

/// One `name = value` or `name(list)`.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What a list holds.
pub(crate) struct Parsed {
    pub(crate) entries: Vec<Entry>,
    /// Whether something in it could not be read, so that more may have been meant.
    pub(crate) is_broken: bool,
}

/// What follows the name.
pub(crate) enum Value {
    Expr(Expr),
    List(TokenStream),
    Nothing,
}

impl Entry {
    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }

    /// The expression after `=`.
    pub(crate) fn expr(self, example: &str, errors: &mut Errors) -> Option<Expr> {
        if let Value::Expr(expr) = self.value {
            return Some(expr);
        }
        let Self { name, .. } = &self;
        errors.at(name.span(), format!("write `{name} = {example}`"));
        None
    }
}

/// The entries of a list; names that are not `valid`, or that come twice, are left out and reported.
pub(crate) fn parse(list: TokenStream, valid: &[&str], of: &str, errors: &mut Errors) -> Parsed {
    let mut entries: Vec<Entry> = Vec::new();
    let mut is_broken = false;
    let mut rest = list;
    while !rest.is_empty() {
        let parse_first = |input: ParseStream<'_>| parse_first(input, valid, of);
        match parse_first.parse2(rest.clone()) {
            Ok((entry, after)) => {
                rest = after;
                let name = entry.name.to_string();
                if !valid.contains(&name.as_str()) {
                    errors.at(entry.span(), suggest::unknown(&name, valid, of));
                } else if entries.iter().any(|earlier| earlier.name == entry.name) {
                    errors.at(entry.span(), format!("`{name}` stands here twice"));
                } else {
                    entries.push(entry);
                }
            }
            Err(error) => {
                // Said once a list: who forgets one name forgets them all.
                if !is_broken {
                    errors.push(error);
                }
                is_broken = true;
                rest = rest
                    .into_iter()
                    .skip_while(|token| !is_comma(token))
                    .skip(1)
                    .collect();
            }
        }
    }
    Parsed { entries, is_broken }
}

/// The first entry, and what follows its comma.
fn parse_first(
    input: ParseStream<'_>,
    valid: &[&str],
    of: &str,
) -> syn::Result<(Entry, TokenStream)> {
    let name = input.call(Ident::parse_any).map_err(|error| {
        let options = suggest::options(valid, of);
        syn::Error::new(error.span(), format!("write `option = value`: {options}"))
    })?;
    let name = name.unraw();
    let value = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            // What ends a list has no place of its own.
            let message = format!("`{name}` is set to nothing");
            return Err(syn::Error::new(name.span(), message));
        }
        Value::Expr(input.parse()?)
    } else if input.peek(token::Paren) {
        let list;
        syn::parenthesized!(list in input);
        Value::List(list.parse()?)
    } else if input.peek(Token![:]) {
        return Err(input.error(format!("write `{name} = …`")));
    } else {
        Value::Nothing
    };
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok((Entry { name, value }, input.parse()?))
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

//! What the user asks of the lints, for the code that is generated beside the user's own.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::quote;

use crate::conditions::{self, word};

/// The content of an attribute that asks the same of generated code; `None` if nothing is asked.
///
/// What the user expects of a lint is to happen in the user's own code. To run a deprecated step is no
/// use of it to be warned of.
pub(crate) fn of(attribute: &TokenStream) -> Option<TokenStream> {
    let word = word(attribute)?;
    if word == "deprecated" {
        return Some(quote!(allow(deprecated)));
    }
    if word != "allow" && word != "expect" {
        return None;
    }
    let list = attribute.clone().into_iter().nth(1)?;
    let list = generated(list.into());
    Some(quote!(allow #list))
}

/// The attributes for generated code that an attribute of the block, in its brackets, comes to.
pub(crate) fn inherited(brackets: &Group) -> TokenStream {
    if let Some(split) = conditions::split(brackets) {
        return split.lints;
    }
    of(&brackets.stream())
        .map(|lint| quote!(#[#lint]))
        .unwrap_or_default()
}

/// Each attribute once.
pub(crate) fn union(attributes: impl Iterator<Item = TokenStream>) -> TokenStream {
    let mut seen: Vec<String> = Vec::new();
    let mut union = TokenStream::new();
    for attribute in attributes {
        let text = attribute.to_string();
        if !seen.contains(&text) {
            seen.push(text);
            union.extend(attribute);
        }
    }
    union
}

/// The tokens as if they had been written here, where no lint is after them.
fn generated(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                token = Group::new(group.delimiter(), generated(group.stream())).into();
            }
            token.set_span(Span::mixed_site());
            token
        })
        .collect()
}

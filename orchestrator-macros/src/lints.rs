//! What the user asks of the lints, for the code that is generated beside the user's own.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Expr, MacroDelimiter, Meta, Token};

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
    // What is wrong with another, rustc says of the user's own.
    let Ok(Meta::List(list)) = syn::parse2(attribute.clone()) else {
        return None;
    };
    let lints = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let are_lints = lints.is_ok_and(|lints| lints.iter().all(is_lint));
    let is_in_parentheses = matches!(list.delimiter, MacroDelimiter::Paren(_));
    (are_lints && is_in_parentheses).then(|| {
        let lints = generated(list.tokens);
        quote!(allow(#lints))
    })
}

/// Whether it is the name of a lint, or a reason.
fn is_lint(meta: &Meta) -> bool {
    match meta {
        Meta::Path(_) => true,
        Meta::NameValue(pair) => pair.path.is_ident("reason") && matches!(pair.value, Expr::Lit(_)),
        Meta::List(_) => false,
    }
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

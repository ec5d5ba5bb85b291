//! `cfg` and `cfg_attr` on a fn, as far as they have a say in whether and how it is a step.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use quote::quote;
use syn::Meta;

use crate::attributes::{kind, of_probe};
use crate::lints;

/// What a `cfg_attr` comes to.
pub(crate) struct Split {
    /// The attribute without what is ours; nothing if nothing else is in it.
    pub(crate) kept: TokenStream,
    /// The attribute with nothing but what matters to the pipeline; nothing if that is not in it.
    pub(crate) ours: TokenStream,
    /// The attribute with nothing but what it asks of the lints for generated code.
    pub(crate) lints: TokenStream,
    /// Whether it may mark the fn.
    pub(crate) marks: bool,
    /// Whether it may leave the fn out.
    pub(crate) leaves_out: bool,
}

/// Takes `cfg_attr(condition, attributes…)` apart; `None` if the brackets hold something else.
pub(crate) fn split(attribute: &Group) -> Option<Split> {
    let mut tokens = attribute.stream().into_iter();
    let name = match tokens.next() {
        Some(TokenTree::Ident(name)) if name == "cfg_attr" => name,
        _ => return None,
    };
    let (Some(TokenTree::Group(list)), None) = (tokens.next(), tokens.next()) else {
        return None;
    };
    let mut parts = at_commas(list.stream()).into_iter();
    let condition = parts.next()?;
    let (mut kept, mut ours, mut lints) = (Vec::new(), Vec::new(), Vec::new());
    let (mut marks, mut leaves_out) = (false, false);
    for part in parts {
        // What is wrong with it, rustc says of the fn.
        if syn::parse2::<Meta>(part.clone()).is_err() {
            kept.push(part);
            continue;
        }
        let nested = split(&Group::new(Delimiter::Bracket, part.clone()));
        if let Some(nested) = nested {
            marks |= nested.marks;
            leaves_out |= nested.leaves_out;
            kept.extend(content(nested.kept));
            ours.extend(content(nested.ours));
            lints.extend(content(nested.lints));
            continue;
        }
        let word = word(&part);
        if let Some((name, kind)) = word.as_ref().and_then(|word| Some((word, kind(word)?))) {
            marks = true;
            let name = of_probe(name, kind);
            let arguments = part.into_iter().skip(1);
            ours.push(quote!(#name #(#arguments)*));
            continue;
        }
        lints.extend(lints::of(&part));
        let is_cfg = word.as_ref().is_some_and(|word| word == "cfg");
        leaves_out |= is_cfg;
        if is_cfg || word.is_some_and(|word| word == "doc") {
            ours.push(part.clone());
        }
        kept.push(part);
    }
    let put_together = |parts: Vec<TokenStream>| {
        if parts.is_empty() {
            return TokenStream::new();
        }
        let mut list = Group::new(list.delimiter(), quote!(#condition, #(#parts),*));
        list.set_span(attribute.span());
        let mut brackets = Group::new(Delimiter::Bracket, quote!(#name #list));
        brackets.set_span(attribute.span());
        quote!(# #brackets)
    };
    Some(Split {
        kept: put_together(kept),
        ours: put_together(ours),
        lints: put_together(lints),
        marks,
        leaves_out,
    })
}

/// What stands in the brackets of the attribute.
fn content(attribute: TokenStream) -> Option<TokenStream> {
    attribute.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    })
}

/// Whether it is a `cfg(…)`; what is wrong with another, rustc says of the fn.
pub(crate) fn is_cfg(attribute: &TokenStream) -> bool {
    let list = syn::parse2::<Meta>(attribute.clone());
    matches!(list, Ok(Meta::List(list)) if list.path.is_ident("cfg"))
}

/// The word that an attribute begins with, unless it is the beginning of a path.
pub(crate) fn word(attribute: &TokenStream) -> Option<Ident> {
    let mut tokens = attribute.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(_)), Some(TokenTree::Punct(punct)))
            if punct.as_char() == ':' && punct.spacing() == Spacing::Joint =>
        {
            None
        }
        (Some(TokenTree::Ident(word)), _) => Some(word),
        _ => None,
    }
}

/// What stands between the commas.
fn at_commas(list: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in list {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                parts.push(TokenStream::new());
            }
            (_, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

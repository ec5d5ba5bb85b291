//! Steps that hang on a `cfg`.
//!
//! An attribute on an `impl` sees its fns before any `cfg` in it is evaluated. A derive sees what is
//! left of its item afterwards. So where a step hangs on a `cfg`, the attribute writes an enum with a
//! variant a step, each with the attributes of its step, under a hidden derive that makes the pipeline
//! of the variants that are left.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::Signature;
use syn::parse::Parser as _;

use crate::attributes::Run;
use crate::conditions::word;
use crate::errors::Errors;
use crate::expand::lints_of;
use crate::model::runtime;
use crate::parse::{Head, MarkedFn, parse_head};

/// The helper attribute that carries the block's arguments and head, and whether it is broken.
const BLOCK: &str = "__block";
/// The helper attribute that carries a signature.
const SIGNATURE: &str = "__signature";

/// What a probe carries.
pub(crate) struct Probe {
    pub(crate) arguments: TokenStream,
    pub(crate) head: Head,
    pub(crate) fns: Vec<MarkedFn>,
}

/// The enum under the derive.
pub(crate) fn write(
    arguments: &TokenStream,
    head: &Head,
    header: &TokenStream,
    fns: &[MarkedFn],
    errors: &Errors,
) -> TokenStream {
    let at = Span::mixed_site();
    let runtime = runtime(arguments.clone());
    let inherited = &head.inherited;
    let (block, signature) = (format_ident!("{BLOCK}"), format_ident!("{SIGNATURE}"));
    let lints = lints_of(fns);
    let broken = (!errors.is_empty()).then(|| quote!(broken));
    let variants = fns.iter().enumerate().map(|(index, marked)| {
        let variant = format_ident!("Fn{index}", span = at);
        let attributes = &marked.attributes;
        let written = marked.signature.to_token_stream();
        quote_spanned!(at=> #attributes #[#signature(#written)] #variant,)
    });
    quote_spanned! {at=>
        #inherited
        #lints
        const _: () = {
            #[derive(#runtime::__private::Conditional)]
            #[#block((#arguments) (#header) (#broken))]
            enum __Conditional { #(#variants)* }
        };
    }
}

/// What is left of the enum, and what is wrong with it. `None` if it was not written by [`write`].
pub(crate) fn read(item: TokenStream) -> Option<(Probe, Errors)> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.pop() else {
        return None;
    };
    let block = carried(tokens.into_iter().collect(), BLOCK)?;
    let mut parts = block.into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            Some(group.stream())
        }
        _ => None,
    });
    let arguments = parts.next()?;
    let head = parse_head.parse2(parts.next()?).ok()?;
    let mut errors = Errors::after(!parts.next()?.is_empty());

    let mut fns = Vec::new();
    let mut rest: Vec<TokenTree> = body.stream().into_iter().collect();
    rest.reverse();
    while let Some(token) = rest.pop() {
        if !matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#') {
            continue;
        }
        let run = Run::take(token, &mut rest, &mut errors);
        let signature: Signature = syn::parse2(carried(run.kept, SIGNATURE)?).ok()?;
        if run.found.is_some() {
            fns.push(MarkedFn {
                found: run.found,
                attributes: run.ours,
                is_conditional: false,
                lints: TokenStream::new(),
                signature,
            });
        }
    }
    let probe = Probe {
        arguments,
        head,
        fns,
    };
    Some((probe, errors))
}

/// What stands in the parentheses of the attribute of this name.
fn carried(attributes: TokenStream, name: &str) -> Option<TokenStream> {
    let groups = attributes.into_iter().filter_map(|token| match token {
        TokenTree::Group(group) => Some(group),
        _ => None,
    });
    let mut named = groups.filter(|group| word(&group.stream()).is_some_and(|it| it == name));
    let content: Group = named.next()?;
    content.stream().into_iter().find_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    })
}

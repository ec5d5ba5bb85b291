//! Checks of the user's types that rustc makes: code that is compiled and never run.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use crate::attributes::Kind;
use crate::model::Pipeline;
use crate::names::Names;
use crate::signature::{Opaque, Takes};
use crate::types::{self, Spelled};

/// Checks of the user's types, each an error in its place: that the tasks can share the blueprint (a
/// generic one says so in its bounds), that what flows can flow, and that no return type is a `Result`
/// or a `ControlFlow` under another name.
///
/// They stand in a fn that nobody calls, so that the block's parameters are at hand.
pub(crate) fn checks(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let shared = pipeline.generics.names.is_empty().then(|| {
        let at = at.located_at(types::first_span(self_ty));
        let placed = types::respan(runtime.clone(), at);
        quote_spanned!(at=> #placed::shared::<#self_ty>();)
    });
    let payloads = pipeline.payloads.iter().map(|Spelled { tokens, span }| {
        let placed = types::respan(runtime.clone(), *span);
        quote_spanned! {at.located_at(*span)=>
            #placed::carried_between_steps::<#tokens>();
        }
    });
    let contexts = contexts(pipeline);
    let returned = returned(pipeline);
    let plain = (!returned.is_empty() || !contexts.is_empty())
        .then(|| quote_spanned!(at=> use #runtime::Plain as _;));
    let check = &names.check;
    let (params, bounded) = (pipeline.params(), pipeline.bounded_where());
    quote_spanned! {at=>
        /// Is compiled and never called (for which the lint wants the underscore in front).
        fn #check #params() #bounded {
            #plain
            #shared
            #(#payloads)*
            #contexts
            #returned
        }
    }
}

/// That no step's context is taken for the value, since it goes by another name.
fn contexts(pipeline: &Pipeline) -> TokenStream {
    let taken = pipeline.steps.iter().filter_map(|step| match &step.takes {
        Takes::Reference(ty) | Takes::Value(ty) if !step.context => Some(ty),
        _ => None,
    });
    once_each(taken.map(|Spelled { tokens, span }| {
        let placed = types::respan(pipeline.runtime.clone(), *span);
        quote_spanned! {Span::mixed_site().located_at(*span)=>
            #placed::NoContext::no_context(#placed::Returned::<#tokens>::ORCHESTRATOR_KIND);
        }
    }))
}

/// That what a step returns hides nothing under its name.
fn returned(pipeline: &Pipeline) -> TokenStream {
    let steps = pipeline.steps.iter().filter(|step| step.kind == Kind::Step);
    once_each(steps.filter_map(|step| {
        let (Spelled { tokens, span }, is_yielded) = match step.returns.opaque {
            Opaque::Nowhere => return None,
            Opaque::Whole => (step.returns.ty.clone(), false),
            Opaque::Yielded => (pipeline.succeeds_with(step), true),
        };
        let at = Span::mixed_site().located_at(span);
        let placed = types::respan(pipeline.runtime.clone(), span);
        let kind = quote_spanned!(at=> #placed::Returned::<#tokens>::ORCHESTRATOR_KIND);
        let kind = if is_yielded {
            kind
        } else {
            quote_spanned!(at=> #placed::NoResult::no_result(#kind))
        };
        Some(quote_spanned!(at=> #placed::NoControlFlow::no_control_flow(#kind);))
    }))
}

/// The tokens one after the other, each that is written the same once.
pub(crate) fn once_each(all: impl Iterator<Item = TokenStream>) -> TokenStream {
    let mut seen = HashSet::new();
    all.filter(|tokens| seen.insert(tokens.to_string()))
        .collect()
}

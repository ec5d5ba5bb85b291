//! The generics of generated items: their parameters, and their `where` clauses.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use crate::generics;
use crate::model::Pipeline;
use crate::signature::Step;
use crate::types::Spelled;

impl Pipeline {
    /// The `where` clause of the items that need only what the user wrote.
    pub(crate) fn written_where(&self) -> TokenStream {
        clause(&self.generics.written, &[])
    }

    /// The `where` clause of the items that need what holds of the parameters, and no more.
    pub(crate) fn bounded_where(&self) -> TokenStream {
        clause(&self.generics.written, &self.generics.added)
    }

    /// The `where` clause of the fn that calls a step.
    pub(crate) fn runner_where(&self, step: &Step) -> TokenStream {
        let mut added = self.generics.added.clone();
        added.extend(self.generics.shared_later.clone());
        if let Some(ty) = step.named() {
            let payload = self.payloads.iter().find(|payload| payload.is(ty));
            added.extend(payload.and_then(sent_later));
        }
        clause(&self.generics.written, &added)
    }

    /// The `where` clause of the items that are the blueprint at work.
    pub(crate) fn full_where(&self, more: &[TokenStream]) -> TokenStream {
        let mut added = self.generics.added.clone();
        added.extend(self.generics.shared_later.clone());
        added.extend(self.payloads.iter().filter_map(sent_later));
        added.extend_from_slice(more);
        clause(&self.generics.written, &added)
    }

    /// `<T: Bound, const N: usize>`
    pub(crate) fn params(&self) -> TokenStream {
        angle(&self.generics.params)
    }

    /// `<T, N>`
    pub(crate) fn args(&self) -> TokenStream {
        angle(&self.generics.args)
    }
}

/// That a value of this type can flow.
fn sent_later(payload: &Spelled) -> Option<TokenStream> {
    let send = quote_spanned!(Span::mixed_site()=> ::core::marker::Send);
    generics::later(&payload.tokens, &send)
}

fn angle(inner: &TokenStream) -> TokenStream {
    if inner.is_empty() {
        return TokenStream::new();
    }
    quote_spanned!(Span::mixed_site()=> <#inner>)
}

fn clause(written: &[TokenStream], added: &[TokenStream]) -> TokenStream {
    if written.is_empty() && added.is_empty() {
        return TokenStream::new();
    }
    quote_spanned!(Span::mixed_site()=> where #(#written,)* #(#added,)*)
}

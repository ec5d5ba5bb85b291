//! What options are set to -> expressions of the right type.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::types;
use crate::values::{Length, Rate};

/// An expression of type `Duration`.
pub(crate) fn length(length: &Length) -> TokenStream {
    match length {
        Length::Fixed(fixed, _) => duration(*fixed),
        Length::Computed(expr) => typed(expr, &quote!(::core::time::Duration)),
    }
}

/// An expression of type `Rate`.
pub(crate) fn rate(rate: &Rate, runtime: &TokenStream) -> TokenStream {
    match rate {
        Rate::Fixed(count, per, _) => {
            let per = duration(*per);
            quote_spanned!(Span::mixed_site()=> #runtime::Rate::new(#count, #per))
        }
        Rate::Computed(expr) => typed(expr, &quote!(#runtime::Rate)),
    }
}

/// An expression of type `u32`.
pub(crate) fn times(expr: &Expr) -> TokenStream {
    number(expr, &quote!(::core::primitive::u32))
}

/// An expression of type `usize`.
pub(crate) fn limit(expr: &Expr) -> TokenStream {
    number(expr, &quote!(::core::primitive::usize))
}

fn number(expr: &Expr, ty: &TokenStream) -> TokenStream {
    match expr {
        Expr::Lit(literal) => quote!(#literal),
        expr => typed(expr, ty),
    }
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote_spanned!(Span::mixed_site()=> ::core::time::Duration::new(#seconds, #nanos))
}

/// The user's expression, and an error under it if it is of another type.
fn typed(expr: &Expr, ty: &TokenStream) -> TokenStream {
    let at = Span::mixed_site().located_at(expr.span());
    let ty = types::respan(ty.clone(), at);
    quote_spanned!(at=> { let __value: #ty = #expr; __value })
}

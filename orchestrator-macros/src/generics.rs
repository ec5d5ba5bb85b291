//! The parameters of the block, and the bounds that the blueprint adds to them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::GenericParam;

use crate::model::Flow;
use crate::parse::Head;
use crate::signature::{Step, Takes};
use crate::types;

/// The generics of the `impl`, in the pieces that the generated items need.
pub(crate) struct Generics {
    /// `T: Bound, const N: usize`
    pub(crate) params: TokenStream,
    /// `T, N`
    pub(crate) args: TokenStream,
    /// `T` and `N`
    pub(crate) names: Vec<String>,
    /// Each type parameter.
    pub(crate) types: Vec<Ident>,
    /// What the user wrote after `where`.
    pub(crate) written: Vec<TokenStream>,
    /// What the blueprint needs beyond it.
    pub(crate) added: Vec<TokenStream>,
}

impl Generics {
    pub(crate) fn new(head: &Head, steps: &[Step], flow: &[Flow]) -> Self {
        let spell = |tokens: TokenStream| types::spell_self(tokens, &head.self_ty);
        let clause = head.generics.where_clause.iter();
        let mut generics = Self {
            params: spell(head.generics.params.to_token_stream()),
            args: TokenStream::new(),
            names: Vec::new(),
            types: Vec::new(),
            written: clause
                .flat_map(|clause| &clause.predicates)
                .map(|predicate| spell(predicate.to_token_stream()))
                .collect(),
            added: Vec::new(),
        };
        for param in &head.generics.params {
            let ident = match param {
                GenericParam::Type(param) => {
                    generics.types.push(param.ident.clone());
                    &param.ident
                }
                GenericParam::Const(param) => &param.ident,
                // Refused.
                GenericParam::Lifetime(_) => continue,
            };
            generics.names.push(ident.to_string());
            generics.args.extend(quote!(#ident,));
        }
        if !generics.names.is_empty() {
            generics.added = generics.bounds(head, steps, flow);
        }
        generics
    }

    /// That the blueprint can be shared, and that what depends on a parameter can flow.
    ///
    /// Of what depends on none, rustc knows by itself.
    fn bounds(&self, head: &Head, steps: &[Step], flow: &[Flow]) -> Vec<TokenStream> {
        let self_ty = &head.self_ty;
        let mut bounds =
            vec![quote!(#self_ty: ::core::marker::Send + ::core::marker::Sync + 'static)];
        let mut seen: Vec<String> = Vec::new();
        let observed = steps.iter().filter_map(|step| match &step.takes {
            Takes::Reference(ty) => Some((ty, true)),
            _ => None,
        });
        for (ty, observed) in observed.chain(flow.iter().map(|flow| (&flow.ty, false))) {
            let text = ty.tokens.to_string();
            if !ty.mentions(&self.names) || seen.contains(&text) {
                continue;
            }
            seen.push(text);
            let ty = ty.unplaced();
            let sync = observed.then(|| quote!(+ ::core::marker::Sync));
            bounds.push(quote!(#ty: ::core::marker::Send #sync + 'static));
        }
        bounds
    }
}

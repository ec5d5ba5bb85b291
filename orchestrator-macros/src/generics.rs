//! The parameters of the block, and the bounds that the blueprint adds to them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::GenericParam;

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
    /// What the blueprint needs of the parameters beyond it.
    pub(crate) added: Vec<TokenStream>,
    /// That the blueprint can be shared, where that does not hang on a parameter; see [`later`].
    pub(crate) shared_later: Option<TokenStream>,
}

/// A bound that is asked only where the item that has it is used: the lifetime puts it off. One check
/// asks for it where the blueprint is defined.
///
/// Asked for by each item that needs it, it would be an error for each of them. Not for a type with a
/// lifetime in it, for the reason that [`Generics::bounds`] has.
pub(crate) fn later(ty: &TokenStream, bounds: &TokenStream) -> Option<TokenStream> {
    let has_lifetimes = types::has_lifetimes(ty.clone());
    (!has_lifetimes).then(|| quote_spanned!(Span::mixed_site()=> for<'__later> #ty: #bounds))
}

impl Generics {
    pub(crate) fn new(head: &Head, steps: &[Step]) -> Self {
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
            shared_later: None,
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
        if generics.names.is_empty() {
            let shared = quote!(::core::marker::Send + ::core::marker::Sync);
            generics.shared_later = later(&head.self_ty.to_token_stream(), &shared);
        } else {
            generics.added = generics.bounds(head, steps);
        }
        generics
    }

    /// That the blueprint can be shared, and that what depends on a parameter can flow.
    ///
    /// The bounds are on the parameters in the types that flow, not on those types: a bound on a type
    /// with a lifetime in it, if only the `'static` of a trait object, does harm. A future that holds
    /// the type is looked at for any lifetime, and the bound would be preferred to the implementation
    /// that holds for all of them.
    fn bounds(&self, head: &Head, steps: &[Step]) -> Vec<TokenStream> {
        let self_ty = &head.self_ty;
        let shared = quote!(::core::marker::Send + ::core::marker::Sync + 'static);
        let mut bounds = if types::has_lifetimes(self_ty.to_token_stream()) {
            // With the user's place on it, a lint would look at the parameter.
            let unplaced = |name: &Ident| types::respan(quote!(#name), Span::mixed_site());
            let names = self.types.iter().map(unplaced);
            names.map(|name| quote!(#name: #shared)).collect()
        } else {
            vec![quote!(#self_ty: #shared)]
        };
        let mut seen: Vec<String> = Vec::new();
        // Observed types first, since theirs is the stronger bound.
        let observed = steps.iter().filter_map(|step| match &step.takes {
            Takes::Reference(ty) => Some((ty, true)),
            _ => None,
        });
        let owned = steps.iter().filter_map(|step| match &step.takes {
            Takes::Value(ty) => Some(ty),
            _ => None,
        });
        let yielded = steps
            .iter()
            .filter(|step| step.is_transform() || step.returns.exits)
            .flat_map(|step| [&step.returns.success, &step.returns.broken])
            .flatten();
        let owned = owned.chain(yielded).map(|ty| (ty, false));
        for (ty, is_observed) in observed.chain(owned) {
            for parameter in ty.parameters(&self.types) {
                let text = parameter.to_string();
                if seen.contains(&text) {
                    continue;
                }
                seen.push(text);
                let sync = is_observed.then(|| quote!(+ ::core::marker::Sync));
                bounds.push(quote!(#parameter: ::core::marker::Send #sync + 'static));
            }
        }
        bounds
    }
}

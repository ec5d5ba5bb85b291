//! What generated items are called, and how they call the user's: [`Names`].

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote_spanned};

use crate::model::Pipeline;
use crate::signature::Step;

/// The names of generated items. The block that holds them also resolves the user's types, so they
/// must hide nothing of the user's.
pub(crate) struct Names {
    /// What they all begin with: no word of the user's does.
    prefix: String,
    /// The runtime crate.
    pub(crate) runtime: Ident,
    /// The state's public face.
    pub(crate) state: Ident,
    /// The enum in it.
    pub(crate) steps: Ident,
    /// The variant after a last delay.
    pub(crate) end: Ident,
    /// The trait that hands a value from step to step.
    pub(crate) link: Ident,
    /// The fn that holds the checks.
    pub(crate) check: Ident,
    /// The variant that uses the type parameters.
    pub(crate) never: Ident,
}

impl Names {
    /// Names that do not occur in `taken`, the user's tokens that generated items hold.
    pub(crate) fn unlike(taken: &TokenStream) -> Self {
        let mut prefix = "__".to_owned();
        while has_word(taken, &prefix) {
            prefix.push('_');
        }
        let ident = |name: &str| Ident::new(&format!("{prefix}{name}"), Span::mixed_site());
        Self {
            runtime: ident("orchestrator"),
            state: ident("State"),
            steps: ident("Steps"),
            end: ident("End"),
            link: ident("Link"),
            check: ident("check"),
            never: ident("Never"),
            prefix,
        }
    }

    /// The variant for the state before step `index`; that past the last step is the end.
    pub(crate) fn variant(&self, pipeline: &Pipeline, index: usize) -> Ident {
        match pipeline.steps.get(index) {
            Some(step) => method(step),
            None => self.end.clone(),
        }
    }

    /// The place among the links of what step `index` ends the task with: behind those of the steps.
    pub(crate) fn way_out(pipeline: &Pipeline, index: usize) -> usize {
        pipeline.steps.len() + index
    }

    /// The fn that calls a step.
    pub(crate) fn runner(&self, name: &str) -> Ident {
        format_ident!("{}run_{name}", self.prefix, span = Span::mixed_site())
    }
}

/// Whether a word in it begins like that.
fn has_word(tokens: &TokenStream, prefix: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident.to_string().starts_with(prefix),
        TokenTree::Group(group) => has_word(&group.stream(), prefix),
        _ => false,
    })
}

/// The user's fn.
pub(crate) fn method(step: &Step) -> Ident {
    // A keyword where this crate is written, and none where the user's may be.
    if step.name == "gen" {
        return Ident::new_raw("gen", Span::mixed_site());
    }
    let mut method = step.ident.clone();
    method.set_span(Span::mixed_site());
    method
}

/// `self`, as the user's own tokens name it.
pub(crate) fn this(pipeline: &Pipeline) -> Ident {
    let span = pipeline
        .steps
        .first()
        .map_or_else(Span::mixed_site, |step| step.self_span);
    Ident::new("self", Span::mixed_site().resolved_at(span))
}

/// The arm for the variant that is never made.
pub(crate) fn never_arm(pipeline: &Pipeline, names: &Names, borrowed: bool) -> TokenStream {
    if pipeline.generics.types.is_empty() {
        return TokenStream::new();
    }
    let Names { steps, never, .. } = names;
    let at = Span::mixed_site();
    let star = borrowed.then(|| quote_spanned!(at=> *));
    quote_spanned!(at=> #steps::#never(__never, _) => match #star __never {},)
}

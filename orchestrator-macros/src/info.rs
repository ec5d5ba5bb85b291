//! What is known of the steps before anything runs: `STEPS`, and `fn bounds`.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;

use crate::attributes::Kind;
use crate::model::Pipeline;
use crate::names::this;
use crate::{expressions, values};

/// The step's entry in `STEPS`.
pub(crate) fn info(pipeline: &Pipeline, index: usize) -> TokenStream {
    let at = Span::mixed_site();
    let runtime = &pipeline.runtime;
    let step = &pipeline.steps[index];
    let name = &step.id;
    let kind = match step.kind {
        Kind::Step => quote_spanned!(at=> Step),
        Kind::Delay => quote_spanned!(at=> Delay),
    };
    let takes = &pipeline.flow[index].ty.tokens;
    let yields = &pipeline.flow[index + 1].ty.tokens;
    let doc = step.doc.expression();
    let doc = doc.map(|doc| quote_spanned!(at=> .with_doc(#doc)));
    let timeout = step.options.timeout.as_ref().map(|timeout| {
        let text = timeout.text();
        quote_spanned!(at=> .with_timeout(#text))
    });
    let retry = step.options.retry.as_ref().map(|retry| {
        let text = &retry.text;
        quote_spanned!(at=> .with_retry(#text))
    });
    let limit = step.options.limit.as_ref().map(|limit| {
        let text = values::text(limit);
        quote_spanned!(at=> .with_limit(#text))
    });
    let rate = step.options.rate.as_ref().map(|rate| {
        let text = rate.text();
        quote_spanned!(at=> .with_rate(#text))
    });
    let exit = step
        .returns
        .exits
        .then(|| quote_spanned!(at=> .with_early_exit()));
    quote_spanned! {at=>
        #runtime::StepInfo::new(
            #name,
            #runtime::StepKind::#kind,
            ::core::any::type_name::<#takes>,
            ::core::any::type_name::<#yields>,
        )
        #doc #timeout #retry #limit #rate #exit
    }
}

/// `fn bounds`, if there are any.
pub(crate) fn bounds(pipeline: &Pipeline) -> Option<TokenStream> {
    let at = Span::mixed_site();
    let runtime = &pipeline.runtime;
    let mut arms = pipeline
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.options.has_bounds())
        .map(|(index, step)| {
            let index = Literal::usize_unsuffixed(index);
            let limit = step.options.limit.as_ref().map(|limit| {
                let limit = expressions::limit(limit);
                quote_spanned!(at=> .limit(#limit))
            });
            let rate = step.options.rate.as_ref().map(|rate| {
                let rate = expressions::rate(rate, runtime);
                quote_spanned!(at=> .rate(#rate))
            });
            quote_spanned!(at=> #index => #runtime::Bounds::none() #limit #rate,)
        })
        .peekable();
    arms.peek()?;
    let this = this(pipeline);
    Some(quote_spanned! {at=>
        fn bounds(&#this, __step: ::core::primitive::usize) -> #runtime::Bounds {
            match __step { #(#arms)* _ => #runtime::Bounds::none() }
        }
    })
}

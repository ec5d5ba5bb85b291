//! The code that runs steps: `advance`, but for its arms, and what it calls.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote_spanned;

use crate::arm::Arm;
use crate::attributes::Kind;
use crate::model::Pipeline;
use crate::names::{Names, method, never_arm, this};
use crate::signature::{Step, Takes};
use crate::types::{self, Spelled};

/// For each two neighbours whose types have to agree, and for each way out before the end, an
/// implementation of a private trait that hands the value on.
///
/// The message of `Feeds` or `Ends` names the step by the name of a type parameter: a type of that name
/// would be printed with its path, and would hide a module of that name from the user's types.
pub(crate) fn links(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let link = &names.link;
    let (params, bounded) = (pipeline.params(), pipeline.bounded_where());
    let linked = |place: usize, from: &TokenStream, to: &TokenStream, step: &Ident, fed| {
        let place = Literal::usize_unsuffixed(place);
        quote_spanned! {at=>
            impl #params #link<#place> for #self_ty #bounded {
                type From = #from;
                type To = #to;

                fn feed<#step>(__value: Self::From) -> Self::To {
                    #fed
                }
            }
        }
    };
    let neighbours = (0..pipeline.steps.len()).filter_map(|index| {
        let taking = method(&pipeline.steps[pipeline.hands_on(index)?]);
        let Spelled { tokens, span } = &pipeline.flow[index + 1].ty;
        let from = &pipeline.handed_on(index)?.tokens;
        let placed = types::respan(runtime.clone(), *span);
        let fed = quote_spanned! {at.located_at(*span)=>
            <#placed::Hands as #placed::Feeds<Self::From, Self::To, #taking>>::feed(__value)
        };
        Some(linked(index, from, tokens, &taking, fed))
    });
    let output = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    let ways_out = (0..pipeline.steps.len()).filter_map(|index| {
        let Spelled { tokens, span } = pipeline.broken_with(index)?;
        let leaving = method(&pipeline.steps[index]);
        let placed = types::respan(runtime.clone(), span);
        let fed = quote_spanned! {at.located_at(span)=>
            <#placed::Hands as #placed::Ends<Self::From, Self::To, #leaving>>::end(__value)
        };
        let place = Names::way_out(pipeline, index);
        Some(linked(place, &tokens, output, &leaving, fed))
    });
    let mut links = neighbours.chain(ways_out).peekable();
    if links.peek().is_none() {
        return TokenStream::new();
    }
    quote_spanned! {at=>
        /// What a step hands on is what the next one takes.
        trait #link<const PLACE: ::core::primitive::usize> {
            type From;
            type To;

            fn feed<StepName>(__value: Self::From) -> Self::To;
        }
        #(#links)*
    }
}

/// For each async step, a fn that calls it and vouches that its future is `Send`.
///
/// That a future is not `Send` is so reported once, under the name of the step; `advance` believes
/// the fn's signature.
pub(crate) fn runners(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let asynchronous = pipeline.steps.iter().filter(|step| step.is_async);
    asynchronous
        .map(|step| runner(pipeline, names, step))
        .collect()
}

fn runner(pipeline: &Pipeline, names: &Names, step: &Step) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let params = &pipeline.generics.params;
    let bounded = pipeline.runner_where(step);
    let name = names.runner(&step.name);
    let method = method(step);
    let (parameter, value) = match &step.takes {
        Takes::Nothing => (None, None),
        Takes::Reference(Spelled { tokens, .. }) => (
            Some(quote_spanned!(at=> __value: &'__a #tokens,)),
            Some(quote_spanned!(at=> __value,)),
        ),
        Takes::Value(Spelled { tokens, .. }) => (
            Some(quote_spanned!(at=> __value: #tokens,)),
            Some(quote_spanned!(at=> __value,)),
        ),
    };
    let context = step
        .context
        .then(|| quote_spanned!(at=> __cx: &'__a #runtime::StepContext,));
    let cx = step.context.then(|| quote_spanned!(at=> __cx));
    let returned = &step.returns.ty.tokens;
    let future = quote_spanned! {at.located_at(step.ident.span())=>
        impl ::core::future::Future<Output = #returned> + ::core::marker::Send + '__a
    };
    quote_spanned! {at=>
        /// Calls the step; its future is `Send`.
        fn #name<'__a, #params>(__this: &'__a #self_ty, #parameter #context) -> #future #bounded {
            <#self_ty>::#method(__this, #value #cx)
        }
    }
}

/// `fn advance`.
pub(crate) fn advance(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let runtime = &pipeline.runtime;
    let Names {
        state, steps, end, ..
    } = names;
    let args = pipeline.args();
    let output = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    // The user's `self`, since option expressions see it.
    let this = this(pipeline);
    let uses_cx = pipeline
        .steps
        .iter()
        .any(|step| step.context || step.options.retry.is_some());
    let cx = if uses_cx {
        quote_spanned!(at=> __cx)
    } else {
        quote_spanned!(at=> _)
    };
    let arms = (0..pipeline.steps.len()).map(|index| match pipeline.steps[index].kind {
        Kind::Step => Arm::new(pipeline, names, index).step(),
        Kind::Delay => Arm::new(pipeline, names, index).delay(),
    });
    let end = pipeline
        .ends_with_delay()
        .then(|| quote_spanned!(at=> #steps::#end(__value) => #runtime::Advance::Done(__value),));
    let never = never_arm(pipeline, names, false);
    quote_spanned! {at=>
        fn advance(&#this, __state: #state #args, #cx: &#runtime::StepContext)
        -> impl ::core::future::Future<Output = #runtime::Advance<#state #args, #output>>
            + ::core::marker::Send
        {
            async move {
                match __state.0 { #(#arms)* #end #never }
            }
        }
    }
}

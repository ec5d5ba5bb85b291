//! The states and the output as something to write down: the implementation of `Durable`.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;

use crate::model::Pipeline;
use crate::names::{Names, never_arm};
use crate::types::Spelled;

/// The name under which the state after a last delay is stored. No fn can be called so.
const END: &str = "$end";

/// `impl Durable`, on the condition that what flows is `Storable`.
pub(crate) fn implementation(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let Names { state, steps, .. } = names;
    let (params, args) = (pipeline.params(), pipeline.args());
    let stored = stored(pipeline);
    let states = pipeline.steps.len() + usize::from(pipeline.ends_with_delay());
    let conditions: Vec<_> = conditions(pipeline, &stored);
    let full = pipeline.full_where(&conditions);
    let stored_as = |index: usize| {
        let (tokens, place) = (&stored[index].tokens, place(&stored, index));
        quote_spanned!(at=> <&#tokens as #runtime::Stored<#tokens, #place>>)
    };
    let (encode, decode): (Vec<_>, Vec<_>) = (0..states)
        .map(|index| {
            let name = pipeline.steps.get(index).map_or(END, |step| &step.id);
            let variant = names.variant(pipeline, index);
            let stored = stored_as(index);
            (
                quote_spanned!(at=> #steps::#variant(__value) => #stored::encode(__value, #name),),
                quote_spanned! {at=>
                    #name => #stored::decode(__json).map(#steps::#variant),
                },
            )
        })
        .unzip();
    let never = never_arm(pipeline, names, true);
    let output_ty = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    let output = stored_as(stored.len() - 1);
    let (input_ty, input) = (&pipeline.flow[0].ty.tokens, stored_as(0));
    let first = &pipeline.steps[0].id;
    quote_spanned! {at=>
        #[automatically_derived]
        impl #params #runtime::Durable for #self_ty #full {
            fn encode(__state: &#state #args) -> #runtime::Encoded {
                match &__state.0 { #(#encode)* #never }
            }

            fn decode(__step: &::core::primitive::str, __json: &::core::primitive::str)
            -> #runtime::anyhow::Result<#state #args> {
                let __stands = match __step {
                    #(#decode)*
                    _ => #runtime::unknown_step::<Self, _>(__step),
                };
                __stands.map(#state)
            }

            fn encode_input(__input: &#input_ty) -> #runtime::Encoded {
                #input::encode(__input, #first)
            }

            fn encode_output(__output: &#output_ty)
            -> #runtime::EncodedOutput {
                #runtime::json(#output::encode(__output, ""))
            }

            fn decode_output(__json: &::core::primitive::str)
            -> #runtime::anyhow::Result<#output_ty> {
                #output::decode(__json)
            }
        }
    }
}

/// `impl Durable` for a pipeline that has errors.
pub(crate) fn stub(pipeline: &Pipeline) -> TokenStream {
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let (params, full) = (pipeline.params(), pipeline.full_where(&[]));
    let input = &pipeline.flow[0].ty.tokens;
    let output = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl #params #runtime::Durable for #self_ty #full {
            fn encode((): &()) -> #runtime::Encoded {
                #runtime::unknown_step::<Self, _>("")
            }

            fn decode(__step: &::core::primitive::str, _: &::core::primitive::str) -> #runtime::anyhow::Result<()> {
                #runtime::unknown_step::<Self, _>(__step)
            }

            fn encode_input(_: &#input) -> #runtime::Encoded {
                #runtime::unknown_step::<Self, _>("")
            }

            fn encode_output(_: &#output)
            -> #runtime::EncodedOutput {
                #runtime::unknown_step::<Self, _>("")
            }

            fn decode_output(_: &::core::primitive::str)
            -> #runtime::anyhow::Result<#output> {
                #runtime::unknown_step::<Self, _>("")
            }
        }
    }
}

/// The types that are stored: those before each step, and the output (which is what stands after a last
/// delay, too).
fn stored(pipeline: &Pipeline) -> Vec<&Spelled> {
    pipeline.flow.iter().map(|flow| &flow.ty).collect()
}

/// The place of the first type that is written like that at `index`.
///
/// Conditions are told apart by it: two that are written differently may turn out to be the same, and
/// rustc would not know which of them to use.
fn place(stored: &[&Spelled], index: usize) -> Literal {
    let first = stored.iter().position(|ty| ty.is(stored[index]));
    Literal::usize_unsuffixed(first.unwrap_or(index))
}

/// A condition a type, put so that it is asked where a journal is used; see `Stored`.
fn conditions(pipeline: &Pipeline, stored: &[&Spelled]) -> Vec<TokenStream> {
    let runtime = &pipeline.runtime;
    let is_first = |index: usize| !stored[..index].iter().any(|ty| ty.is(stored[index]));
    (0..stored.len())
        .filter(|index| is_first(*index))
        .map(|index| {
            let (tokens, place) = (&stored[index].tokens, place(stored, index));
            quote_spanned! {Span::mixed_site()=>
                for<'__a> &'__a #tokens: #runtime::Stored<#tokens, #place>
            }
        })
        .collect()
}

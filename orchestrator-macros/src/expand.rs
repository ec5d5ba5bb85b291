//! A checked pipeline -> code.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};

use crate::checks::once_each;
use crate::errors::Errors;
use crate::model::Pipeline;
use crate::names::{Names, never_arm};
use crate::parse::{self, Head, MarkedFn, Parsed};
use crate::types::Spelled;
use crate::{checks, durable, info, probe, run, types};

/// Expands `#[blueprint(arguments)] item`.
pub(crate) fn blueprint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Parsed {
        emitted,
        head,
        header,
        fns,
    } = parse::parse(item, &mut errors);
    let generated = head.map(|head| {
        if fns.iter().any(|marked| marked.is_conditional) {
            return probe::write(&arguments, &head, &header, &fns, &errors);
        }
        let inherited = head.inherited.clone();
        let lints = lints_of(&fns);
        let items = items(arguments, &head, fns, &mut errors);
        quote_spanned! {Span::mixed_site()=>
            #inherited
            #lints
            const _: () = { #items };
        }
    });
    // The user's own items come first: an editor looks for a name's first occurrence.
    let mut tokens = emitted;
    tokens.extend(errors.into_tokens());
    tokens.extend(generated);
    tokens
}

/// What the steps ask of the lints, for all that is generated.
pub(crate) fn lints_of(fns: &[MarkedFn]) -> TokenStream {
    once_each(fns.iter().map(|marked| marked.lints.clone()))
}

/// Expands the derive of a probe: the same, now that it is known which fns are there.
pub(crate) fn probed(probe: TokenStream) -> TokenStream {
    let Some((probe, mut errors)) = probe::read(probe) else {
        return TokenStream::new();
    };
    if probe.fns.is_empty() && errors.is_empty() {
        errors.at(
            probe.head.impl_span,
            "a blueprint without steps: each of them is left out by its `cfg`",
        );
    }
    let items = items(probe.arguments, &probe.head, probe.fns, &mut errors);
    let mut tokens = errors.into_tokens();
    tokens.extend(items);
    tokens
}

/// The items beside the user's `impl`.
fn items(
    arguments: TokenStream,
    head: &Head,
    fns: Vec<MarkedFn>,
    errors: &mut Errors,
) -> TokenStream {
    // What no stand-in can be written for.
    let is_beyond = head.refuse_lifetimes(errors) | head.refuse_unnamed(errors);
    let names = Names::unlike(&written(head, &fns));
    let pipeline = Pipeline::new(arguments, &names, head, fns, errors);
    if errors.is_empty() && !pipeline.repeats_a_name() {
        let items = pipeline_items(&pipeline, &names);
        with_runtime(&pipeline, &items)
    } else if is_beyond {
        TokenStream::new()
    } else {
        with_runtime(&pipeline, &stub_items(&pipeline))
    }
}

/// The items, and the runtime crate by the name that they have for it: a path that leads nowhere is one
/// error.
fn with_runtime(pipeline: &Pipeline, items: &TokenStream) -> TokenStream {
    let Pipeline {
        runtime,
        runtime_path,
        ..
    } = pipeline;
    let at = Span::mixed_site().located_at(types::first_span(runtime_path));
    let named = types::respan(runtime.clone(), at);
    quote_spanned! {at=>
        use #runtime_path::__private as #named;
        #items
    }
}

/// The user's tokens of which generated items hold some.
fn written(head: &Head, fns: &[MarkedFn]) -> TokenStream {
    let Head {
        self_ty, generics, ..
    } = head;
    let clause = &generics.where_clause;
    let mut tokens = quote!(#self_ty #generics #clause);
    for marked in fns {
        let options = marked.found.as_ref().map(|found| &found.mark.arguments);
        options.to_tokens(&mut tokens);
        marked.signature.to_tokens(&mut tokens);
    }
    tokens
}

fn pipeline_items(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let state = state(pipeline, names);
    let checks = checks::checks(pipeline, names);
    let links = run::links(pipeline, names);
    let runners = run::runners(pipeline, names);
    let blueprint = blueprint_impl(pipeline, names);
    let durable = durable::implementation(pipeline, names);
    quote_spanned! {Span::mixed_site()=>
        #state
        #checks
        #links
        #runners
        #blueprint
        #durable
    }
}

/// The enum with one variant a step, and the struct that keeps the payloads' privacy.
fn state(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let Names {
        state,
        steps,
        end,
        never,
        ..
    } = names;
    let (params, args, written) = (pipeline.params(), pipeline.args(), pipeline.written_where());
    let at = Span::mixed_site();
    let variants = pipeline.steps.iter().enumerate().map(|(index, _)| {
        let variant = names.variant(pipeline, index);
        let payload = &pipeline.flow[index].ty.tokens;
        quote_spanned!(at=> #variant(#payload),)
    });
    let end = pipeline.ends_with_delay().then(|| {
        let payload = &pipeline.flow[pipeline.steps.len()].ty.tokens;
        quote_spanned!(at=> #end(#payload),)
    });
    let never = (!pipeline.generics.types.is_empty()).then(|| {
        let types = &pipeline.generics.types;
        quote_spanned!(at=> #never(::core::convert::Infallible, ::core::marker::PhantomData<(#(fn(&#types),)*)>),)
    });
    quote_spanned! {at=>
        /// The next step, and what it takes.
        enum #steps #params #written { #(#variants)* #end #never }
        /// Where a task stands between two steps.
        pub struct #state #params (#steps #args) #written;
    }
}

fn blueprint_impl(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime,
        name,
        self_ty,
        ..
    } = pipeline;
    let Names {
        state, steps, end, ..
    } = names;
    let (params, args, full) = (pipeline.params(), pipeline.args(), pipeline.full_where(&[]));
    let input = &pipeline.flow[0].ty.tokens;
    let output = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    // With the user's place on them, since a type that is too private is told of the whole item.
    let place = |ty: &Spelled| at.located_at(ty.span);
    let input_item = quote_spanned!(place(&pipeline.flow[0].ty)=> type Input = #input;);
    let output_item =
        quote_spanned!(place(&pipeline.flow[pipeline.steps.len()].ty)=> type Output = #output;);
    let first = names.variant(pipeline, 0);
    let infos = (0..pipeline.steps.len()).map(|index| info::info(pipeline, index));
    let positions = (0..pipeline.steps.len()).map(|index| {
        let variant = names.variant(pipeline, index);
        let index = Literal::usize_unsuffixed(index);
        quote_spanned!(at=> #steps::#variant(_) => #index,)
    });
    let end = pipeline.ends_with_delay().then(|| {
        let index = Literal::usize_unsuffixed(pipeline.steps.len() - 1);
        quote_spanned!(at=> #steps::#end(_) => #index,)
    });
    let never = never_arm(pipeline, names, true);
    let bounds = info::bounds(pipeline);
    let advance = run::advance(pipeline, names);
    quote_spanned! {at=>
        #[automatically_derived]
        impl #params #runtime::Blueprint for #self_ty #full {
            #input_item
            #output_item
            type State = #state #args;

            const NAME: &'static ::core::primitive::str = #name;
            const STEPS: &'static [#runtime::StepInfo] = &[#(#infos,)*];

            fn start(__input: #input) -> #state #args {
                #state(#steps::#first(__input))
            }

            fn position(__state: &#state #args) -> ::core::primitive::usize {
                match &__state.0 { #(#positions)* #end #never }
            }

            #bounds

            #advance
        }
    }
}

/// What stands in for a pipeline that has errors, so that its uses have none.
fn stub_items(pipeline: &Pipeline) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime,
        name,
        self_ty,
        ..
    } = pipeline;
    let (params, full) = (pipeline.params(), pipeline.full_where(&[]));
    let input = &pipeline.flow[0].ty.tokens;
    let output = &pipeline.flow[pipeline.steps.len()].ty.tokens;
    let durable = durable::stub(pipeline);
    quote_spanned! {at=>
        #[automatically_derived]
        impl #params #runtime::Blueprint for #self_ty #full {
            type Input = #input;
            type Output = #output;
            type State = ();

            const NAME: &'static ::core::primitive::str = #name;
            const STEPS: &'static [#runtime::StepInfo] = &[];

            fn start(_: #input) {}

            fn position((): &()) -> ::core::primitive::usize {
                0
            }

            fn advance(&self, (): (), _: &#runtime::StepContext)
            -> impl ::core::future::Future<Output = #runtime::Advance<(), #output>> + ::core::marker::Send
            {
                ::core::future::pending()
            }
        }
        #durable
    }
}

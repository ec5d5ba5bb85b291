//! The code that runs one step: `advance` and what it calls.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::attributes::Kind;
use crate::expand::{Names, never_arm};
use crate::model::Pipeline;
use crate::options::Length;
use crate::signature::{Step, Takes};
use crate::types::Spelled;

/// For a return type that may be a `Result` under another name: a check that it is none.
///
/// A type that depends on the block's parameters can't be looked into here.
pub(crate) fn checks(pipeline: &Pipeline) -> TokenStream {
    let runtime = &pipeline.runtime;
    let opaque = pipeline
        .steps
        .iter()
        .filter(|step| step.kind == Kind::Step && step.returns.opaque)
        .filter(|step| pipeline.is_concrete(&step.returns.ty));
    opaque
        .map(|step| {
            let Spelled { tokens, span } = &step.returns.ty;
            let message = format!(
                "step `{}` returns a `Result` under another name: name it `Result`, so that its errors end the task",
                step.name
            );
            quote_spanned! {*span=>
                const _: () = {
                    use #runtime::__private::Plain as _;
                    if #runtime::__private::Returned::<#tokens>::IS_RESULT {
                        ::core::panic!(#message);
                    }
                };
            }
        })
        .collect()
}

/// For each neighbours whose types have to agree, an implementation of a private trait that hands
/// the value on.
///
/// The message of `Feeds` names the step by the name of a type parameter: a type of that name would
/// be printed with its path, and would hide a module of that name from the user's types.
pub(crate) fn links(pipeline: &Pipeline, names: &Names) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let link = &names.link;
    let (params, full) = (pipeline.params(), pipeline.full_where(&[]));
    let mut links = (0..pipeline.steps.len())
        .filter_map(|index| {
            let taking = method(&pipeline.steps[pipeline.hands_on(index)?]);
            let place = Literal::usize_unsuffixed(index);
            let Spelled { tokens, span } = &pipeline.flow[index + 1].ty;
            let from = &pipeline.handed_on(index)?.tokens;
            let fed = quote_spanned! {at.located_at(*span)=>
                #runtime::__private::Feeds::<Self::To, #taking>::feed(value)
            };
            Some(quote_spanned! {at=>
                impl #params #link<#place> for #self_ty #full {
                    type From = #from;
                    type To = #tokens;

                    fn feed<#taking>(value: Self::From) -> Self::To {
                        #fed
                    }
                }
            })
        })
        .peekable();
    if links.peek().is_none() {
        return TokenStream::new();
    }
    quote_spanned! {at=>
        trait #link<const PLACE: ::core::primitive::usize> {
            type From;
            type To;

            fn feed<StepName>(value: Self::From) -> Self::To;
        }
        #(#links)*
    }
}

/// For each async step, a fn that calls it and vouches that its future is `Send`.
///
/// That a future is not `Send` is so reported once, under the name of the step; `advance` believes
/// the fn's signature.
pub(crate) fn runners(pipeline: &Pipeline) -> TokenStream {
    let asynchronous = pipeline.steps.iter().filter(|step| step.is_async);
    asynchronous.map(|step| runner(pipeline, step)).collect()
}

fn runner(pipeline: &Pipeline, step: &Step) -> TokenStream {
    let at = Span::mixed_site();
    let Pipeline {
        runtime, self_ty, ..
    } = pipeline;
    let params = &pipeline.generics.params;
    let full = pipeline.full_where(&[]);
    let name = Names::runner(&step.name);
    let method = method(step);
    let (parameter, value) = match &step.takes {
        Takes::Nothing => (None, None),
        Takes::Reference(Spelled { tokens, .. }) => (
            Some(quote_spanned!(at=> value: &'__a #tokens,)),
            Some(quote_spanned!(at=> value,)),
        ),
        Takes::Value(Spelled { tokens, .. }) => (
            Some(quote_spanned!(at=> value: #tokens,)),
            Some(quote_spanned!(at=> value,)),
        ),
    };
    let context = step
        .context
        .then(|| quote_spanned!(at=> cx: &'__a #runtime::StepContext,));
    let cx = step.context.then(|| quote_spanned!(at=> cx));
    let returned = &step.returns.ty.tokens;
    let future = quote_spanned! {at.located_at(step.ident.span())=>
        impl ::core::future::Future<Output = #returned> + ::core::marker::Send + '__a
    };
    quote_spanned! {at=>
        fn #name<'__a, #params>(this: &'__a #self_ty, #parameter #context) -> #future #full {
            <#self_ty>::#method(this, #value #cx)
        }
    }
}

/// The user's fn.
fn method(step: &Step) -> Ident {
    let mut method = step.ident.clone();
    method.set_span(Span::mixed_site());
    method
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
        quote_spanned!(at=> cx)
    } else {
        quote_spanned!(at=> _)
    };
    let arms = (0..pipeline.steps.len()).map(|index| match pipeline.steps[index].kind {
        Kind::Step => Arm::new(pipeline, names, index).step(),
        Kind::Delay => Arm::new(pipeline, names, index).delay(),
    });
    let end = pipeline
        .ends_with_delay()
        .then(|| quote_spanned!(at=> #steps::#end(value) => #runtime::Advance::Done(value),));
    let never = never_arm(pipeline, names, false);
    quote_spanned! {at=>
        fn advance(&#this, state: #state #args, #cx: &#runtime::StepContext)
        -> impl ::core::future::Future<Output = #runtime::Advance<#state #args, #output>>
            + ::core::marker::Send
        {
            async move {
                match state.0 { #(#arms)* #end #never }
            }
        }
    }
}

/// `self`, as the user's own tokens name it.
fn this(pipeline: &Pipeline) -> Ident {
    let span = pipeline
        .steps
        .first()
        .map_or_else(Span::mixed_site, |step| step.self_span);
    Ident::new("self", Span::mixed_site().resolved_at(span))
}

/// The arm of one step.
struct Arm<'a> {
    pipeline: &'a Pipeline,
    names: &'a Names,
    index: usize,
    step: &'a Step,
}

impl<'a> Arm<'a> {
    fn new(pipeline: &'a Pipeline, names: &'a Names, index: usize) -> Self {
        Self {
            pipeline,
            names,
            index,
            step: &pipeline.steps[index],
        }
    }

    /// Calls the step with its timeout, and goes on by what it returned.
    fn step(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let pattern = self.pattern();
        let call = self.call();
        let (retry, kept) = self.kept();
        let gone_on = self.gone_on();
        let outcome = if let Some(timeout) = &self.step.options.timeout {
            let limit = length(timeout);
            let failed = self.failed(&quote_spanned!(at=> failure), None);
            quote_spanned! {at=>
                match #runtime::__private::within(#limit, #call).await {
                    ::core::result::Result::Ok(returned) => #gone_on,
                    ::core::result::Result::Err(failure) => #failed,
                }
            }
        } else {
            quote_spanned! {at=>
                let returned = #call.await;
                #gone_on
            }
        };
        quote_spanned!(at=> #pattern => { #retry #kept #outcome })
    }

    /// Asks the delay how long it is, and parks the state after it.
    fn delay(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let pattern = self.pattern();
        let call = self.call();
        let wait = self.step.is_async.then(|| quote_spanned!(at=> .await));
        let after = self.state_at(self.index + 1);
        let feed = self.feed();
        let span = at.located_at(self.step.returns.ty.span);
        let pause = quote_spanned!(span=> { let pause: ::core::time::Duration = returned; pause });
        let parked = quote_spanned! {at=>
            #feed
            #runtime::Advance::Park { state: #after, pause }
        };
        let gone_on = if self.step.returns.fallible {
            let failed = self.failed_by_error();
            quote_spanned! {at=>
                match #runtime::__private::StepResult::into_result(returned) {
                    ::core::result::Result::Ok(returned) => {
                        let pause = #pause;
                        #parked
                    }
                    ::core::result::Result::Err(error) => #failed,
                }
            }
        } else {
            quote_spanned!(at=> let pause = #pause; #parked)
        };
        quote_spanned! {at=>
            #pattern => {
                let returned = #call #wait;
                #gone_on
            }
        }
    }

    /// The state before the step; `value` is what flows.
    fn pattern(&self) -> TokenStream {
        let steps = &self.names.steps;
        let variant = self.names.variant(self.pipeline, self.index);
        quote_spanned!(Span::mixed_site()=> #steps::#variant(value))
    }

    /// The state before step `index`, of `value`.
    fn state_at(&self, index: usize) -> TokenStream {
        let Names { state, steps, .. } = self.names;
        let variant = self.names.variant(self.pipeline, index);
        quote_spanned!(Span::mixed_site()=> #state(#steps::#variant(value)))
    }

    /// The call of the user's fn.
    fn call(&self) -> TokenStream {
        let at = Span::mixed_site();
        let this = this(self.pipeline);
        let value = match self.step.takes {
            Takes::Nothing => None,
            Takes::Reference(_) => Some(quote_spanned!(at=> &value,)),
            Takes::Value(_) => Some(quote_spanned!(at=> value,)),
        };
        let cx = self.step.context.then(|| quote_spanned!(at=> cx));
        if self.step.is_async {
            let runner = Names::runner(&self.step.name);
            quote_spanned!(at=> #runner(#this, #value #cx))
        } else {
            let self_ty = &self.pipeline.self_ty;
            let method = method(self.step);
            quote_spanned!(at=> <#self_ty>::#method(#this, #value #cx))
        }
    }

    /// What follows on `returned`, which the step returned.
    fn gone_on(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let span = at.located_at(self.step.returns.ty.span);
        let yielded = if self.step.is_transform() {
            quote_spanned!(at=> value)
        } else {
            quote_spanned!(span=> ())
        };
        let advanced = self.advanced();
        if !self.step.returns.fallible {
            return quote_spanned!(at=> { let #yielded = returned; #advanced });
        }
        let failed = self.failed_by_error();
        quote_spanned! {at=>
            match #runtime::__private::StepResult::into_result(returned) {
                ::core::result::Result::Ok(#yielded) => { #advanced }
                ::core::result::Result::Err(error) => #failed,
            }
        }
    }

    /// The next state, or the end, of `value`.
    fn advanced(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        if self.index + 1 == self.pipeline.steps.len() {
            return quote_spanned!(at=> #runtime::Advance::Done(value));
        }
        let feed = self.feed();
        let next = self.state_at(self.index + 1);
        quote_spanned!(at=> #feed #runtime::Advance::Next(#next))
    }

    /// Makes of `value` what the next step that names a type takes.
    fn feed(&self) -> TokenStream {
        let at = Span::mixed_site();
        if self.pipeline.hands_on(self.index).is_none() {
            return TokenStream::new();
        }
        let self_ty = &self.pipeline.self_ty;
        let link = &self.names.link;
        let place = Literal::usize_unsuffixed(self.index);
        quote_spanned!(at=> let value = <#self_ty as #link<#place>>::feed::<()>(value);)
    }

    /// The retry policy, and the copy of the input for another attempt.
    fn kept(&self) -> (TokenStream, TokenStream) {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let Some(retry) = &self.step.options.retry else {
            return Default::default();
        };
        let times = &retry.times;
        let backoff = retry.backoff.as_ref().map(|backoff| {
            let backoff = length(backoff);
            quote_spanned!(at=> .backoff(#backoff))
        });
        let max = retry.max.as_ref().map(|max| {
            let max = length(max);
            quote_spanned!(at=> .max(#max))
        });
        let policy = quote_spanned!(at=> let retry = #runtime::Retry::times(#times) #backoff #max;);
        let Takes::Value(Spelled { span, .. }) = &self.step.takes else {
            return (policy, TokenStream::new());
        };
        let keep = quote_spanned!(at.located_at(*span)=> #runtime::__private::Kept::keep(&value));
        let kept = quote_spanned! {at=>
            let kept = if retry.allows_after(cx.attempt()) {
                ::core::option::Option::Some(#keep)
            } else {
                ::core::option::Option::None
            };
        };
        (policy, kept)
    }

    /// The end of an attempt that returned `error`.
    fn failed_by_error(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let span = at.located_at(self.step.returns.ty.span);
        let failure = quote_spanned!(span=> #runtime::__private::StepError::into_failure(error));
        let when = self
            .step
            .options
            .retry
            .as_ref()
            .and_then(|retry| retry.when.as_ref());
        self.failed(&failure, when)
    }

    /// The end of a failed attempt. With a `when`, `error` is asked whether another may follow.
    fn failed(&self, failure: &TokenStream, when: Option<&Expr>) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        if self.step.options.retry.is_none() {
            return quote_spanned! {at=>
                #runtime::Advance::Failed {
                    failure: #failure,
                    again: ::core::option::Option::None,
                }
            };
        }
        let state = self.state_at(self.index);
        let kept = if self.step.is_transform() {
            quote_spanned!(at=> kept.map(|value| #state))
        } else {
            quote_spanned!(at=> ::core::option::Option::Some(#state))
        };
        let asked = when.map(|when| {
            let at_when = at.located_at(when.span());
            let asked = quote_spanned!(at_when=> #runtime::__private::asked(&error, #when));
            quote_spanned!(at=> let asked = #asked;)
        });
        let kept = match when {
            Some(_) => {
                quote_spanned!(at=> if asked { #kept } else { ::core::option::Option::None })
            }
            None => kept,
        };
        quote_spanned! {at=>
            {
                #asked
                #runtime::__private::failed(#failure, #kept, &retry, cx)
            }
        }
    }
}

/// An expression of type `Duration`.
fn length(length: &Length) -> TokenStream {
    let at = Span::mixed_site();
    match length {
        Length::Fixed(duration, _) => {
            let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
            quote_spanned!(at=> ::core::time::Duration::new(#seconds, #nanos))
        }
        Length::Computed(expr) => quote_spanned! {at.located_at(expr.span())=>
            { let length: ::core::time::Duration = #expr; length }
        },
    }
}

//! The arm of one step in `advance`.
//!
//! The timeout, `when` and the copy for another attempt are in here, around the step's call alone: out
//! of `advance`, a timeout would drop the value together with the future.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::expand::Names;
use crate::model::Pipeline;
use crate::options::Length;
use crate::run::{method, this};
use crate::signature::{Step, Takes};
use crate::types::{self, Spelled};

/// The arm of one step.
pub(crate) struct Arm<'a> {
    pipeline: &'a Pipeline,
    names: &'a Names,
    index: usize,
    step: &'a Step,
}

impl<'a> Arm<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, names: &'a Names, index: usize) -> Self {
        Self {
            pipeline,
            names,
            index,
            step: &pipeline.steps[index],
        }
    }

    /// Calls the step with its timeout, and goes on by what it returned.
    pub(crate) fn step(&self) -> TokenStream {
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
    pub(crate) fn delay(&self) -> TokenStream {
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
        let placed = types::respan(runtime.clone(), span);
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
        let result = quote_spanned!(span=> #placed::__private::StepResult::into_result(returned));
        quote_spanned! {at=>
            match #result {
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
        let times = match &retry.times {
            Expr::Lit(literal) => quote!(#literal),
            expr => quote_spanned! {at.located_at(expr.span())=>
                { let times: ::core::primitive::u32 = #expr; times }
            },
        };
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
        let placed = types::respan(runtime.clone(), *span);
        let keep = quote_spanned!(at.located_at(*span)=> #placed::__private::Kept::keep(&value));
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
        let span = at.located_at(self.step.returns.ty.span);
        let runtime = types::respan(self.pipeline.runtime.clone(), span);
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
            let placed = types::respan(runtime.clone(), at_when);
            let asked = quote_spanned!(at_when=> #placed::__private::asked(&error, #when));
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

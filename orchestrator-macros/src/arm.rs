//! The arm of one step in `advance`.
//!
//! The timeout, `when` and the copy for another attempt are in here, around the step's call alone: out
//! of `advance`, a timeout would drop the value together with the future.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::expressions;
use crate::model::Pipeline;
use crate::names::{Names, method, this};
use crate::signature::{Step, Takes};
use crate::types::{self, Spelled};
use crate::values::Length;

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

    /// Calls the step, with its timeout, and goes on by what it returned.
    ///
    /// What is a local here before the call is a part of `advance`'s future, and so of every slot:
    /// hence only what the call, or an attempt after it, can't do without.
    pub(crate) fn step(&self) -> TokenStream {
        let at = Span::mixed_site();
        let pattern = self.pattern();
        let kept = self.kept();
        let call = self.call();
        let (yielded, advanced) = if self.step.returns.exits {
            (quote_spanned!(at=> __flow), self.advanced_or_out())
        } else {
            (self.yielded(), self.advanced())
        };
        let timeout = self.step.options.timeout.as_ref();
        let returned = timeout.map_or_else(
            || quote_spanned!(at=> #call.await),
            |timeout| self.within(timeout, &call),
        );
        let Some(outcome) = self.outcome() else {
            return quote_spanned! {at=>
                #pattern => {
                    let #yielded = #returned;
                    #advanced
                }
            };
        };
        let asked = self
            .when()
            .map(|_| quote_spanned!(at=> let mut __asked = true;));
        let failed = self.failed();
        quote_spanned! {at=>
            #pattern => {
                #kept
                let __returned = #returned;
                #asked
                match #outcome {
                    ::core::result::Result::Ok(#yielded) => { #advanced }
                    ::core::result::Result::Err(__failure) => { #failed }
                }
            }
        }
    }

    /// The call under a timeout.
    fn within(&self, timeout: &Length, call: &TokenStream) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let limit = expressions::length(timeout);
        // Dropped in here, before what it borrows is moved on; in edition 2021, a block's last
        // expression would outlive it.
        quote_spanned! {at=>
            {
                let __limit = #limit;
                let __step = ::core::pin::pin!(#call);
                let __returned = #runtime::within(__limit, __step).await;
                __returned
            }
        }
    }

    /// What the step `returned` as a `Result<_, StepFailure>`; `None` if it can't fail.
    fn outcome(&self) -> Option<TokenStream> {
        let at = Span::mixed_site();
        let has_timeout = self.step.options.timeout.is_some();
        if !self.step.returns.fallible {
            return has_timeout.then(|| quote_spanned!(at=> __returned));
        }
        let span = at.located_at(self.step.returns.ty.span);
        let placed = types::respan(self.pipeline.runtime.clone(), span);
        let Some(when) = self.when() else {
            return Some(if has_timeout {
                quote_spanned!(span=> #placed::outcome_within(__returned))
            } else {
                quote_spanned!(span=> #placed::outcome(__returned))
            });
        };
        let failure = self.failure();
        let at_when = at.located_at(when.span());
        let placed_when = types::respan(self.pipeline.runtime.clone(), at_when);
        let asked = quote_spanned!(at_when=> #placed_when::asked(&__error, #when));
        let result = quote_spanned!(span=> #placed::StepResult::into_result(__returned));
        let outcome = quote_spanned! {at=>
            match #result {
                ::core::result::Result::Ok(__value) => ::core::result::Result::Ok(__value),
                ::core::result::Result::Err(__error) => {
                    __asked = #asked;
                    ::core::result::Result::Err(#failure)
                }
            }
        };
        if !has_timeout {
            return Some(outcome);
        }
        Some(quote_spanned! {at=>
            match __returned {
                ::core::result::Result::Ok(__returned) => #outcome,
                ::core::result::Result::Err(__failure) => ::core::result::Result::Err(__failure),
            }
        })
    }

    /// The failure that `error` is.
    fn failure(&self) -> TokenStream {
        let span = Span::mixed_site().located_at(self.step.returns.ty.span);
        let placed = types::respan(self.pipeline.runtime.clone(), span);
        quote_spanned!(span=> #placed::StepError::into_failure(__error))
    }

    /// The user's `when`.
    fn when(&self) -> Option<&Expr> {
        self.step.options.retry.as_ref()?.when.as_ref()
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
        let pause =
            quote_spanned!(span=> { let __pause: ::core::time::Duration = __returned; __pause });
        let parked = quote_spanned! {at=>
            #feed
            #runtime::Advance::Park { state: #after, pause: __pause }
        };
        let gone_on = if self.step.returns.fallible {
            let failure = self.failure();
            quote_spanned! {at=>
                match #runtime::StepResult::into_result(__returned) {
                    ::core::result::Result::Ok(__returned) => {
                        let __pause = #pause;
                        #parked
                    }
                    ::core::result::Result::Err(__error) => #runtime::Advance::Failed {
                        failure: #failure,
                        again: ::core::option::Option::None,
                    },
                }
            }
        } else {
            quote_spanned!(at=> let __pause = #pause; #parked)
        };
        quote_spanned! {at=>
            #pattern => {
                let __returned = #call #wait;
                #gone_on
            }
        }
    }

    /// The state before the step; `value` is what flows.
    fn pattern(&self) -> TokenStream {
        let steps = &self.names.steps;
        let variant = self.names.variant(self.pipeline, self.index);
        quote_spanned!(Span::mixed_site()=> #steps::#variant(__value))
    }

    /// The state before step `index`, of `value`.
    fn state_at(&self, index: usize) -> TokenStream {
        let Names { state, steps, .. } = self.names;
        let variant = self.names.variant(self.pipeline, index);
        quote_spanned!(Span::mixed_site()=> #state(#steps::#variant(__value)))
    }

    /// The call of the user's fn.
    fn call(&self) -> TokenStream {
        let at = Span::mixed_site();
        let this = this(self.pipeline);
        let value = match self.step.takes {
            Takes::Nothing => None,
            Takes::Reference(_) => Some(quote_spanned!(at=> &__value,)),
            Takes::Value(_) => Some(quote_spanned!(at=> __value,)),
        };
        let cx = self.step.context.then(|| quote_spanned!(at=> __cx));
        if self.step.is_async {
            let runner = self.names.runner(&self.step.name);
            quote_spanned!(at=> #runner(#this, #value #cx))
        } else {
            let self_ty = &self.pipeline.self_ty;
            let method = method(self.step);
            quote_spanned!(at=> <#self_ty>::#method(#this, #value #cx))
        }
    }

    /// The pattern for what a call yields.
    fn yielded(&self) -> TokenStream {
        let at = Span::mixed_site();
        if self.step.is_transform() {
            quote_spanned!(at=> __value)
        } else {
            quote_spanned!(at.located_at(self.step.returns.ty.span)=> ())
        }
    }

    /// What the `flow` says: the next state, or the end before its time.
    fn advanced_or_out(&self) -> TokenStream {
        let at = Span::mixed_site();
        let Pipeline {
            runtime, self_ty, ..
        } = self.pipeline;
        let span = at.located_at(self.step.returns.ty.span);
        let placed = types::respan(runtime.clone(), span);
        let flow = quote_spanned!(span=> #placed::StepFlow::into_flow(__flow));
        let (yielded, advanced) = (self.yielded(), self.advanced());
        let link = &self.names.link;
        let out = self.pipeline.broken_with(self.index).map(|_| {
            let place = Literal::usize_unsuffixed(Names::way_out(self.pipeline, self.index));
            quote_spanned!(at=> let __output = <#self_ty as #link<#place>>::feed::<()>(__output);)
        });
        quote_spanned! {at=>
            match #flow {
                ::core::ops::ControlFlow::Continue(#yielded) => { #advanced }
                ::core::ops::ControlFlow::Break(__output) => {
                    #out
                    #runtime::Advance::Done(__output)
                }
            }
        }
    }

    /// The next state, or the end, of `value`.
    fn advanced(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        if self.index + 1 == self.pipeline.steps.len() {
            return quote_spanned!(at=> #runtime::Advance::Done(__value));
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
        quote_spanned!(at=> let __value = <#self_ty as #link<#place>>::feed::<()>(__value);)
    }

    /// The number of retries, and the copy of a value that the call takes away.
    fn kept(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let (Some(retry), Takes::Value(Spelled { span, tokens })) =
            (&self.step.options.retry, &self.step.takes)
        else {
            return TokenStream::new();
        };
        let times = expressions::times(&retry.times);
        let placed = types::respan(runtime.clone(), *span);
        let is_generic = types::mentions(tokens.clone(), &self.pipeline.generics.names);
        let here = at.located_at(*span);
        let keep = if is_generic {
            quote_spanned!(here=> keep)
        } else {
            quote_spanned!(here=> Kept::keep)
        };
        let kept = quote_spanned!(here=> #placed::#keep(__value, __is_left));
        quote_spanned! {at=>
            let __times = #times;
            let __is_left = #runtime::Retry::times(__times).allows_after(__cx.attempt());
            let (__value, __kept) = #kept;
        }
    }

    /// The end of an attempt by `failure`.
    fn failed(&self) -> TokenStream {
        let at = Span::mixed_site();
        let runtime = &self.pipeline.runtime;
        let Some(retry) = &self.step.options.retry else {
            return quote_spanned! {at=>
                #runtime::Advance::Failed { failure: __failure, again: ::core::option::Option::None }
            };
        };
        let state = self.state_at(self.index);
        let (times, kept) = if self.step.is_transform() {
            let kept = quote_spanned!(at=> __kept.map(|__value| #state));
            (quote_spanned!(at=> __times), kept)
        } else {
            let kept = quote_spanned!(at=> ::core::option::Option::Some(#state));
            (expressions::times(&retry.times), kept)
        };
        let kept = match self.when() {
            Some(_) => {
                quote_spanned!(at=> if __asked { #kept } else { ::core::option::Option::None })
            }
            None => kept,
        };
        let backoff = retry.backoff.as_ref().map(|backoff| {
            let backoff = expressions::length(backoff);
            quote_spanned!(at=> .backoff(#backoff))
        });
        let max = retry.max.as_ref().map(|max| {
            let max = expressions::length(max);
            quote_spanned!(at=> .max(#max))
        });
        quote_spanned! {at=>
            let __retry = #runtime::Retry::times(#times) #backoff #max;
            #runtime::failed(__failure, #kept, &__retry, __cx)
        }
    }
}

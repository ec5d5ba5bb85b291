//! What the user wrote -> a checked pipeline: its steps, and the type that flows before each.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Attribute;

use crate::attributes::Kind;
use crate::entries;
use crate::errors::Errors;
use crate::generics::Generics;
use crate::parse::{Head, MarkedFn, plain};
use crate::signature::{Step, Takes};
use crate::types::{self, Spelled};

/// A checked pipeline. Code is written from it alone.
pub(crate) struct Pipeline {
    /// The path of the runtime crate.
    pub(crate) runtime: TokenStream,
    /// Attributes of the block that hold for the generated code, too.
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) name: String,
    pub(crate) self_ty: TokenStream,
    pub(crate) generics: Generics,
    pub(crate) steps: Vec<Step>,
    /// The value before each step, and the output.
    pub(crate) flow: Vec<Flow>,
}

/// The value that flows between two steps.
pub(crate) struct Flow {
    pub(crate) ty: Spelled,
    /// The step that names its type.
    pub(crate) named_by: Option<usize>,
}

impl Pipeline {
    /// The pipeline of a block. With errors it holds the types as far as they are known.
    pub(crate) fn new(
        arguments: TokenStream,
        head: Head,
        marked: Vec<MarkedFn>,
        errors: &mut Errors,
    ) -> Self {
        let runtime = runtime(arguments, errors);
        let name = head.name().map(plain).unwrap_or_default();
        if marked.is_empty() && errors.is_empty() {
            errors.at(
                head.impl_span,
                "a blueprint without steps: mark the fns that are its steps with `#[step]`",
            );
        }
        let self_ty = &head.self_ty;
        let steps: Vec<Step> = marked
            .into_iter()
            .map(|marked| Step::new(marked, self_ty, errors))
            .collect();
        let flow = flow(&steps, &runtime, head.impl_span);
        let generics = Generics::new(&head, &steps);
        Self {
            runtime,
            inherited: head.inherited,
            name,
            self_ty: head.self_ty.to_token_stream(),
            generics,
            steps,
            flow,
        }
    }

    /// Whether the state after the last step is one, since there is a pause before the end.
    pub(crate) fn ends_with_delay(&self) -> bool {
        self.steps
            .last()
            .is_some_and(|step| step.kind == Kind::Delay)
    }

    /// The later step that names anew the type of what step `index` hands on.
    ///
    /// `None` if the type is written the same: in one block, that is the same type.
    pub(crate) fn hands_on(&self, index: usize) -> Option<usize> {
        let handed_on = self.handed_on(index)?;
        let named = self.flow[index + 1].named_by?;
        let is_same = handed_on.tokens.to_string() == self.flow[index + 1].ty.tokens.to_string();
        (!is_same).then_some(named)
    }

    /// What step `index` hands on, if it says so itself.
    pub(crate) fn handed_on(&self, index: usize) -> Option<Spelled> {
        let step = &self.steps[index];
        match &step.takes {
            Takes::Nothing => None,
            Takes::Reference(ty) => Some(ty.clone()),
            Takes::Value(_) => Some(yielded(step, &self.runtime)),
        }
    }

    /// Whether two steps have one name, which rustc reports of the user's own fns.
    pub(crate) fn repeats_a_name(&self) -> bool {
        let names: HashSet<_> = self.steps.iter().map(|step| &step.name).collect();
        names.len() < self.steps.len()
    }
}

/// The runtime crate: `::orchestrator`, unless `crate = …` says otherwise.
fn runtime(arguments: TokenStream, errors: &mut Errors) -> TokenStream {
    for entry in entries::parse(arguments, &["crate"], "`#[blueprint]`", errors) {
        match entry.expr("::orchestrator", errors) {
            Some(syn::Expr::Path(path)) if path.qself.is_none() => {
                return path.path.to_token_stream();
            }
            Some(expr) => errors.under(
                expr,
                "`crate` is the path of the runtime crate, such as `::orchestrator`",
            ),
            None => {}
        }
    }
    quote!(::orchestrator)
}

/// The type before each step, and after the last.
///
/// It is named by the next step that names one, else it is what the previous step yields, else `()`.
fn flow(steps: &[Step], runtime: &TokenStream, fallback: Span) -> Vec<Flow> {
    let mut flow: Vec<Flow> = Vec::with_capacity(steps.len() + 1);
    for index in 0..=steps.len() {
        let named_by = (index..steps.len()).find(|at| steps[*at].named().is_some());
        let named = named_by.and_then(|at| steps[at].named());
        let ty = match (named, index.checked_sub(1)) {
            (Some(ty), _) => ty.clone(),
            (None, None) => Spelled::unit(fallback),
            (None, Some(before)) if steps[before].is_transform() => {
                yielded(&steps[before], runtime)
            }
            (None, Some(before)) => flow[before].ty.clone(),
        };
        flow.push(Flow { ty, named_by });
    }
    flow
}

/// What a transforming step yields.
fn yielded(step: &Step, runtime: &TokenStream) -> Spelled {
    let Spelled { tokens, span } = &step.returns.ty;
    if !step.returns.fallible {
        return step.returns.ty.clone();
    }
    let runtime = types::respan(runtime.clone(), *span);
    Spelled {
        tokens: quote_spanned!(*span=> <#tokens as #runtime::__private::StepResult>::Ok),
        span: *span,
    }
}

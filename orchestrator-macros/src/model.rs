//! What the user wrote -> a checked pipeline: its steps, and the type that flows before each.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::attributes::Kind;
use crate::entries;
use crate::errors::Errors;
use crate::generics::Generics;
use crate::names::Names;
use crate::parse::{Head, MarkedFn, plain};
use crate::signature::{Step, Takes};
use crate::types::{self, Spelled};
use crate::values;

/// A checked pipeline. Code is written from it alone.
pub(crate) struct Pipeline {
    /// The name of the runtime crate in generated code.
    pub(crate) runtime: TokenStream,
    /// The path of the runtime crate.
    pub(crate) runtime_path: TokenStream,
    pub(crate) name: String,
    pub(crate) self_ty: TokenStream,
    pub(crate) generics: Generics,
    pub(crate) steps: Vec<Step>,
    /// The value before each step, and the output.
    pub(crate) flow: Vec<Flow>,
    /// Each type in `flow` once, but for those that hang on a parameter: whether they can flow is said
    /// by the bounds, and a bound on them would be taken for every lifetime in them (see
    /// [`Generics::bounds`](crate::generics::Generics)).
    pub(crate) payloads: Vec<Spelled>,
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
        names: &Names,
        head: &Head,
        fns: Vec<MarkedFn>,
        errors: &mut Errors,
    ) -> Self {
        let Arguments {
            runtime: runtime_path,
            name,
        } = Arguments::new(arguments, errors);
        let runtime = names.runtime.to_token_stream();
        let name = name.or_else(|| head.name().map(plain)).unwrap_or_default();
        if fns.is_empty() && errors.is_empty() {
            errors.at(
                head.impl_span,
                "a blueprint without steps: mark the fns that are its steps with `#[step]`",
            );
        }
        let self_ty = &head.self_ty;
        let steps: Vec<Step> = fns
            .into_iter()
            .filter_map(
                |MarkedFn {
                     found, signature, ..
                 }| { Some(Step::new(found?, &signature, self_ty, errors)) },
            )
            .collect();
        refuse_equal_names(&steps, errors);
        let flow = flow(&steps, &runtime, head.impl_span);
        let generics = Generics::new(head, &steps);
        let payloads = payloads(&flow, &generics.names);
        Self {
            runtime,
            runtime_path,
            name,
            self_ty: head.self_ty.to_token_stream(),
            generics,
            payloads,
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
    /// `None` if the type is written the same: in one block, that is the same type. (Or it is not, if
    /// something is named `Result` that has its types in another order; then rustc says that the types
    /// are not the same, and not we. A link for each two steps would be felt in the time to compile.)
    pub(crate) fn hands_on(&self, index: usize) -> Option<usize> {
        let handed_on = self.handed_on(index)?;
        let next = &self.flow[index + 1];
        let step = &self.steps[index];
        let written = step
            .returns
            .success
            .as_ref()
            .filter(|_| step.is_transform());
        let is_same = handed_on.is(&next.ty) || written.is_some_and(|ty| ty.is(&next.ty));
        next.named_by.filter(|_| !is_same)
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

    /// What a step that is a `Result` holds if it succeeds.
    pub(crate) fn succeeds_with(&self, step: &Step) -> Spelled {
        let span = step.returns.success.as_ref().map(|ty| ty.span);
        let ty = returned(step, &self.runtime);
        Spelled {
            span: span.unwrap_or(ty.span),
            ..ty
        }
    }

    /// What step `index` may end the task with.
    ///
    /// `None` if it does not, or if the type is written like the output's.
    pub(crate) fn broken_with(&self, index: usize) -> Option<Spelled> {
        let step = &self.steps[index];
        if !step.returns.exits {
            return None;
        }
        let written = step.returns.broken.as_ref();
        if written.is_some_and(|ty| ty.is(&self.flow[self.steps.len()].ty)) {
            return None;
        }
        let ty = flow_of(step, &self.runtime, "Break");
        let span = written.map_or(ty.span, |ty| ty.span);
        Some(Spelled { span, ..ty })
    }

    /// Whether two steps have one name, which rustc reports of the user's own fns.
    pub(crate) fn repeats_a_name(&self) -> bool {
        let names: HashSet<_> = self.steps.iter().map(|step| &step.name).collect();
        names.len() < self.steps.len()
    }
}

/// What stands in the parentheses of `#[blueprint(…)]`.
struct Arguments {
    /// The runtime crate: `::orchestrator`, unless `crate = …` says otherwise.
    runtime: TokenStream,
    name: Option<String>,
}

/// The path of the runtime crate that `#[blueprint(arguments)]` names.
pub(crate) fn runtime(arguments: TokenStream) -> TokenStream {
    Arguments::new(arguments, &mut Errors::default()).runtime
}

impl Arguments {
    fn new(arguments: TokenStream, errors: &mut Errors) -> Self {
        let mut read = Self {
            runtime: quote!(::orchestrator),
            name: None,
        };
        for entry in entries::parse(arguments, &["name", "crate"], "`#[blueprint]`", errors).entries
        {
            if entry.name == "name" {
                read.name = values::name(entry, errors).map(|(name, _)| name);
                continue;
            }
            match entry.expr("::orchestrator", errors).map(values::ungrouped) {
                Some(syn::Expr::Path(path)) if is_of_modules(&path) => {
                    read.runtime = path.path.to_token_stream();
                }
                Some(expr) => errors.under(
                    expr,
                    "`crate` is the path of the runtime crate, such as `::orchestrator`",
                ),
                None => {}
            }
        }
        read
    }
}

/// Whether the path can be that of a crate or module.
fn is_of_modules(path: &syn::ExprPath) -> bool {
    let segments = &path.path.segments;
    path.qself.is_none()
        && segments
            .iter()
            .all(|segment| segment.arguments.is_none() && segment.ident != "Self")
}

/// Refuses that two steps go by one name, unless two fns do, which rustc refuses.
fn refuse_equal_names(steps: &[Step], errors: &mut Errors) {
    for (index, step) in steps.iter().enumerate() {
        let earlier = steps[..index].iter().find(|other| other.id == step.id);
        let Some(other) = earlier.filter(|other| other.name != step.name) else {
            continue;
        };
        let (named, theirs) = match (&step.options.name, &other.options.name) {
            (Some((_, literal)), _) => (literal, &other.name),
            (None, Some((_, literal))) => (literal, &step.name),
            (None, None) => continue,
        };
        let id = &step.id;
        errors.under(
            named,
            format!("step `{theirs}` goes by the name `{id}`, too: each step needs one of its own"),
        );
    }
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

/// The types that flow and do not hang on a parameter, each once.
fn payloads(flow: &[Flow], parameters: &[String]) -> Vec<Spelled> {
    let mut payloads: Vec<Spelled> = Vec::new();
    for Flow { ty, .. } in flow {
        let is_new = !payloads.iter().any(|other| other.is(ty));
        if is_new && !types::mentions(ty.tokens.clone(), parameters) {
            payloads.push(ty.clone());
        }
    }
    payloads
}

/// What a transforming step yields.
fn yielded(step: &Step, runtime: &TokenStream) -> Spelled {
    if step.returns.exits {
        return flow_of(step, runtime, "Continue");
    }
    returned(step, runtime)
}

/// What a step returns, if it succeeds.
fn returned(step: &Step, runtime: &TokenStream) -> Spelled {
    let Spelled { tokens, span } = &step.returns.ty;
    if !step.returns.fallible {
        return step.returns.ty.clone();
    }
    let runtime = types::respan(runtime.clone(), *span);
    Spelled {
        tokens: quote_spanned!(*span=> <#tokens as #runtime::StepResult>::Ok),
        span: *span,
    }
}

/// What a step that returns a `ControlFlow` goes on with, or ends the task with.
fn flow_of(step: &Step, runtime: &TokenStream, side: &str) -> Spelled {
    let Spelled { tokens, span } = returned(step, runtime);
    let side = Ident::new(side, span);
    let runtime = types::respan(runtime.clone(), span);
    Spelled {
        tokens: quote_spanned!(span=> <#tokens as #runtime::StepFlow>::#side),
        span,
    }
}

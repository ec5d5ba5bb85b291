//! What the user wrote -> a checked pipeline: its steps, and the type that flows before each.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, GenericParam, Type, WherePredicate};

use crate::attributes::Kind;
use crate::entries;
use crate::errors::Errors;
use crate::parse::{Head, MarkedFn};
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

/// The generics of the `impl`, in the pieces that the generated items need.
pub(crate) struct Generics {
    /// `T: Bound, const N: usize`
    pub(crate) params: TokenStream,
    /// `T, N`
    pub(crate) args: TokenStream,
    /// `T` and `N`
    pub(crate) names: Vec<String>,
    /// Each type parameter.
    pub(crate) types: Vec<TokenStream>,
    /// What the user wrote after `where`.
    pub(crate) written: Vec<TokenStream>,
    /// What the blueprint needs beyond it.
    pub(crate) added: Vec<TokenStream>,
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
        let name = name(&head, errors);
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
        let generics = generics(&head, &steps, &flow);
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

    /// Whether the type is the same whatever the block's parameters are.
    pub(crate) fn is_concrete(&self, ty: &Spelled) -> bool {
        !ty.mentions(&self.generics.names)
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

/// The blueprint's name: that of its type.
fn name(head: &Head, errors: &mut Errors) -> String {
    if let Type::Path(path) = types::peel(&head.self_ty)
        && let Some(last) = path.path.segments.last()
    {
        return crate::parse::plain(&last.ident);
    }
    errors.under(&head.self_ty, "a blueprint is a struct or an enum");
    String::new()
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
    Spelled {
        tokens: quote_spanned!(*span=> <#tokens as #runtime::__private::StepResult>::Ok),
        span: *span,
    }
}

fn generics(head: &Head, steps: &[Step], flow: &[Flow]) -> Generics {
    let self_ty = &head.self_ty;
    let spell = |tokens: TokenStream| types::spell_self(tokens, self_ty);
    let mut generics = Generics {
        params: spell(head.generics.params.to_token_stream()),
        args: TokenStream::new(),
        names: Vec::new(),
        types: Vec::new(),
        written: Vec::new(),
        added: Vec::new(),
    };
    if head.generics.params.is_empty() {
        return generics;
    }
    for param in &head.generics.params {
        let ident = match param {
            GenericParam::Type(param) => {
                generics.types.push(param.ident.to_token_stream());
                &param.ident
            }
            GenericParam::Const(param) => &param.ident,
            // Refused.
            GenericParam::Lifetime(_) => continue,
        };
        generics.names.push(ident.to_string());
        generics.args.extend(quote!(#ident,));
    }
    if let Some(clause) = &head.generics.where_clause {
        let predicates = clause.predicates.iter();
        generics.written = predicates
            .map(|predicate: &WherePredicate| spell(predicate.to_token_stream()))
            .collect();
    }

    let mut added = vec![quote!(#self_ty: ::core::marker::Send + ::core::marker::Sync + 'static)];
    let mut seen: Vec<String> = Vec::new();
    let observed = steps.iter().filter_map(|step| match &step.takes {
        Takes::Reference(ty) => Some((ty, true)),
        _ => None,
    });
    for (ty, observed) in observed.chain(flow.iter().map(|flow| (&flow.ty, false))) {
        let text = ty.tokens.to_string();
        if !ty.mentions(&generics.names) || seen.contains(&text) {
            continue;
        }
        seen.push(text);
        let ty = ty.unplaced();
        let sync = observed.then(|| quote!(+ ::core::marker::Sync));
        added.push(quote!(#ty: ::core::marker::Send #sync + 'static));
    }
    generics.added = added;
    generics
}

//! A marked fn -> a step: what it takes, what it returns, and what is wrong with it.

use proc_macro2::{Ident, Span};
use syn::{FnArg, PatType, ReceiverKind, Safety, Signature, Type};

use crate::attributes::{Found, Kind};
use crate::docs::Doc;
use crate::errors::Errors;
use crate::kept;
use crate::options::Options;
use crate::parse::plain;
use crate::types::{self, Spelled};

/// A step or a delay of the pipeline.
pub(crate) struct Step {
    pub(crate) ident: Ident,
    /// The fn's name without `r#`.
    pub(crate) name: String,
    /// The name that it goes by at run time: the option `name`, or that of the fn.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) doc: Doc,
    pub(crate) takes: Takes,
    /// Whether it takes the `StepContext`.
    pub(crate) context: bool,
    pub(crate) is_async: bool,
    pub(crate) returns: Returns,
    pub(crate) options: Options,
    /// The hygiene of the user's `self`, for option expressions.
    pub(crate) self_span: Span,
}

/// How a step takes the flowing value.
pub(crate) enum Takes {
    Nothing,
    Reference(Spelled),
    Value(Spelled),
}

/// What a step returns.
pub(crate) struct Returns {
    pub(crate) ty: Spelled,
    /// What is yielded by it, as far as it is written.
    pub(crate) success: Option<Spelled>,
    /// What it may end the task with, as far as it is written.
    pub(crate) broken: Option<Spelled>,
    /// Whether it is named `Result`.
    pub(crate) fallible: bool,
    /// Whether it, or what it is a `Result` of, is named `ControlFlow`.
    pub(crate) exits: bool,
    /// Where a `Result` or a `ControlFlow` may be that goes by another name.
    pub(crate) opaque: Opaque,
}

/// Where a `Result` or a `ControlFlow` may be that goes by another name.
pub(crate) enum Opaque {
    Nowhere,
    /// The type itself may be either.
    Whole,
    /// What it is a `Result` of may be a `ControlFlow`.
    Yielded,
}

impl Step {
    /// What the fn says of itself. With errors, the types that are beyond use are left out.
    pub(crate) fn new(
        found: Found,
        signature: &Signature,
        self_ty: &Type,
        errors: &mut Errors,
    ) -> Self {
        let Found { mark, doc } = found;
        let kind = mark.kind;
        refuse_qualifiers(signature, kind, errors);
        let self_span = receiver(signature, self_ty, errors);
        let before = errors.count();
        let (value, context) = arguments(signature, errors);
        let takes = value.map_or(Takes::Nothing, |ty| takes(ty, kind, self_ty, errors));
        let returns = returns(signature, self_ty, errors);
        let is_understood = errors.count() == before;
        let before = errors.count();
        let options = Options::of(&mark, errors);
        let has_all_options = errors.count() == before;
        let name = plain(&signature.ident);
        let id = options.name.as_ref().map_or(&name, |(id, _)| id).clone();
        let step = Self {
            name,
            id,
            ident: signature.ident.clone(),
            kind,
            doc,
            takes,
            context,
            is_async: signature.asyncness.is_some(),
            returns,
            options,
            self_span,
        };
        step.refuse_lost_values(signature, is_understood, errors);
        if has_all_options {
            step.refuse_idle_retry(errors);
        }
        step
    }

    pub(crate) fn is_transform(&self) -> bool {
        matches!(self.takes, Takes::Value(_))
    }

    /// The payload that the step names.
    pub(crate) fn named(&self) -> Option<&Spelled> {
        match &self.takes {
            Takes::Nothing => None,
            Takes::Reference(ty) | Takes::Value(ty) => Some(ty),
        }
    }

    /// `is_understood` says whether what it takes and returns is all as it should be: of another
    /// step it can't be told whether a value is lost.
    fn refuse_lost_values(&self, signature: &Signature, is_understood: bool, errors: &mut Errors) {
        let name = &self.name;
        let returned = types::returned(&signature.output);
        if self.kind == Kind::Delay {
            if self.returns.exits {
                errors.under(
                    returned,
                    format!("delay `{name}` says how long to wait, and can't end the task: it returns a `Duration`"),
                );
            } else if returned.is_none_or(|ty| !types::yields_something(ty)) {
                errors.at(
                    self.ident.span(),
                    format!("delay `{name}` says how long to wait: it returns a `Duration`"),
                );
            }
            return;
        }
        if !is_understood {
            return;
        }
        let Some(ty) = returned.filter(|ty| types::yields_something(ty)) else {
            return;
        };
        match self.takes {
            Takes::Value(_) => {}
            Takes::Reference(_) => errors.under(
                ty,
                format!("step `{name}` only looks at the value, so what it returns has nowhere to go: take the value without `&` to replace it, or return `()`"),
            ),
            Takes::Nothing => errors.under(
                ty,
                format!("step `{name}` takes no value, so what it returns has nowhere to go: take the value that it replaces (for a first step without input, `_: ()`), or return `()`"),
            ),
        }
    }

    /// Options that would never do anything.
    fn refuse_idle_retry(&self, errors: &mut Errors) {
        let Some(retry) = &self.options.retry else {
            return;
        };
        let name = &self.name;
        if self.returns.fallible {
            return;
        }
        if let Some(when) = &retry.when {
            errors.under(
                when,
                format!("`when` looks at the step's error, but `{name}` returns no `Result`"),
            );
        } else if self.options.timeout.is_none() {
            errors.at(
                retry.name.span(),
                format!("step `{name}` can't fail: it returns no `Result` and has no `timeout`, so there is nothing to retry"),
            );
        }
    }
}

fn refuse_qualifiers(signature: &Signature, kind: Kind, errors: &mut Errors) {
    if kind == Kind::Step && signature.asyncness.is_none() {
        errors.at(signature.fn_token.span, "a step is an `async fn`");
    }
    // A delay that is no async fn may be one that needs no running program.
    if let (Some(token), Kind::Step) = (&signature.constness, kind) {
        errors.at(token.span, "a step can't be `const`");
    }
    match &signature.safety {
        Safety::Default => {}
        Safety::Unsafe(token) => errors.at(
            token.span,
            "a step can't be `unsafe`: the engine could not keep what its caller must promise",
        ),
        Safety::Safe(token) => errors.at(token.span, "a step is safe without saying so"),
    }
    if let Some(abi) = &signature.abi {
        errors.under(abi, "a step can't be `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.under(variadic, "a step can't be variadic");
    }
    let params = &signature.generics.params;
    if !params.is_empty() {
        let is_of_lifetimes = signature.generics.lifetimes().count() == params.len();
        errors.under(
            params,
            if is_of_lifetimes {
                "a step names no lifetimes: take `&self`, and the value as `&…` or by value"
            } else {
                "a step can't be generic, since nothing would choose its types: put the parameters on the `impl` block"
            },
        );
    }
    let clause = signature.generics.where_clause.as_ref();
    if let Some(clause) = clause.filter(|clause| !clause.predicates.is_empty()) {
        errors.under(
            clause,
            "a step has no `where` clause of its own: put it on the `impl` block",
        );
    }
}

/// Checks that it is `&self`, and gives its span.
fn receiver(signature: &Signature, self_ty: &Type, errors: &mut Errors) -> Span {
    let Some(receiver) = signature.receiver() else {
        errors.at(
            signature.ident.span(),
            format!(
                "a step is a method: give `{}` a `&self`",
                plain(&signature.ident)
            ),
        );
        return signature.ident.span();
    };
    let is_shared = match &receiver.kind {
        // A lifetime of the fn's own is refused where it is declared.
        ReceiverKind::Reference(_, lifetime, None) => lifetime
            .as_ref()
            .is_none_or(|lifetime| lifetime.ident != "static"),
        ReceiverKind::Typed(_, ty) => match types::peel(ty) {
            Type::Reference(ty) => {
                let elem = types::peel(&ty.elem);
                ty.mutability.is_none()
                    && ty.lifetime.as_ref().is_none_or(|it| it.ident != "static")
                    && (types::is_named(elem, "Self") || types::is_same_name(elem, self_ty))
            }
            _ => false,
        },
        _ => false,
    };
    if !is_shared {
        errors.under(
            receiver,
            "the tasks share the blueprint, so a step takes `&self`",
        );
    }
    receiver.self_token.span
}

/// The argument that is the value, and whether there is one that is the context.
fn arguments<'a>(signature: &'a Signature, errors: &mut Errors) -> (Option<&'a PatType>, bool) {
    let typed = signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Receiver(_) => None,
            FnArg::Typed(argument) => Some(argument),
        });
    let mut value = None;
    let mut context = false;
    for argument in typed {
        for attribute in &argument.attrs {
            if ["cfg", "cfg_attr"]
                .iter()
                .any(|name| attribute.path().is_ident(name))
            {
                errors.under(
                    attribute,
                    "an argument can't depend on a `cfg`: put it on the step, and write a step for each case",
                );
            }
        }
        let bare = match types::peel(&argument.ty) {
            Type::Reference(reference) => &*reference.elem,
            ty => ty,
        };
        if types::is_named(bare, "StepContext") {
            let is_shared = matches!(
                types::peel(&argument.ty),
                Type::Reference(ty) if ty.mutability.is_none()
            );
            if context || !is_shared {
                errors.under(
                    &argument.ty,
                    "a step takes its context once, as `&StepContext`",
                );
            }
            context = true;
        } else if context {
            errors.under(argument, "the value comes before the context");
        } else if value.is_some() {
            errors.under(
                argument,
                "a step takes one value, and after it may take a `&StepContext`, by that name: put what it needs into a struct or a tuple",
            );
        } else {
            value = Some(argument);
        }
    }
    (value, context)
}

fn takes(argument: &PatType, kind: Kind, self_ty: &Type, errors: &mut Errors) -> Takes {
    let ty = &*argument.ty;
    let (is_reference, payload) = match types::peel(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => {
            errors.under(
                ty,
                "a step does not change the value in place: take it by value and return the new one",
            );
            return Takes::Nothing;
        }
        // A `&'static T` is a value that can be handed on.
        Type::Reference(reference)
            if reference
                .lifetime
                .as_ref()
                .is_none_or(|it| it.ident != "static") =>
        {
            (true, &*reference.elem)
        }
        ty => (false, ty),
    };
    if let Some((blame, sentence)) =
        kept::why_not_kept(payload).or_else(|| kept::why_not_sent(payload))
    {
        errors.under(blame, sentence);
        return Takes::Nothing;
    }
    let payload = Spelled::new(payload, self_ty);
    if is_reference {
        return Takes::Reference(payload);
    }
    if kind == Kind::Delay {
        errors.under(
            ty,
            "a delay hands the value on, so it only looks at it: take it as `&…`",
        );
        return Takes::Reference(payload);
    }
    Takes::Value(payload)
}

fn returns(signature: &Signature, self_ty: &Type, errors: &mut Errors) -> Returns {
    let nothing = Returns {
        ty: Spelled::unit(signature.ident.span()),
        success: None,
        broken: None,
        fallible: false,
        exits: false,
        opaque: Opaque::Nowhere,
    };
    let Some(ty) = types::returned(&signature.output) else {
        return nothing;
    };
    if let Some((blame, sentence)) = kept::why_not_kept(ty).or_else(|| kept::why_not_sent(ty)) {
        errors.under(blame, sentence);
        return nothing;
    }
    let fallible = types::is_named(ty, "Result");
    let success = if fallible {
        types::arguments(ty).next()
    } else {
        Some(ty)
    };
    let exits = success.is_some_and(|ty| types::is_named(ty, "ControlFlow"));
    let may_hide = matches!(types::peel(ty), Type::Path(_) | Type::Macro(_));
    let opaque = match (fallible, exits) {
        // Its argument need not be what it holds: it may be an alias by that name.
        (true, false) => Opaque::Yielded,
        (false, false) if may_hide => Opaque::Whole,
        _ => Opaque::Nowhere,
    };
    let (broken, success) = match success {
        Some(ty) if exits => {
            let mut arguments = types::arguments(ty);
            (arguments.next(), arguments.next())
        }
        other => (None, other),
    };
    Returns {
        ty: Spelled::new(ty, self_ty),
        success: success.map(|ty| Spelled::new(ty, self_ty)),
        broken: broken.map(|ty| Spelled::new(ty, self_ty)),
        fallible,
        exits,
        opaque,
    }
}

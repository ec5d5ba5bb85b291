//! The helper attributes `#[step]` and `#[delay]`, found among a fn's attributes.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::docs::{Doc, Line};
use crate::errors::Errors;
use crate::{conditions, lints};

/// `step` and `delay` on the variants of a probe. By their own names, the derive would be suggested to
/// whoever forgot `#[blueprint]`.
const STEP_OF_PROBE: &str = "__step";
const DELAY_OF_PROBE: &str = "__delay";

/// Which of the helper attributes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    Delay,
}

/// `#[step(…)]` or `#[delay]`.
pub(crate) struct Mark {
    pub(crate) kind: Kind,
    /// The word itself.
    pub(crate) name: Ident,
    /// What stands in the parentheses after it.
    pub(crate) arguments: TokenStream,
}

/// The mark and the doc comment of a fn.
pub(crate) struct Found {
    pub(crate) mark: Mark,
    pub(crate) doc: Doc,
}

/// A run of neighbouring attributes.
pub(crate) struct Run {
    /// All but ours.
    pub(crate) kept: TokenStream,
    /// What is known before any `cfg` is evaluated.
    pub(crate) found: Option<Found>,
    /// What matters to the pipeline, as it was written.
    pub(crate) ours: TokenStream,
    /// Whether it hangs on a `cfg` if, or how, the fn is a step.
    pub(crate) is_conditional: bool,
    /// What the fn asks of the lints, as far as it holds for what we generate, too.
    pub(crate) lints: TokenStream,
    /// Whether it holds both of ours, so that nothing more can be said of the fn.
    is_ambiguous: bool,
}

impl Run {
    /// Takes the run that begins with `pound` from the end of the reversed `rest`.
    pub(crate) fn take(pound: TokenTree, rest: &mut Vec<TokenTree>, errors: &mut Errors) -> Self {
        let mut run = Self {
            kept: TokenStream::new(),
            found: None,
            ours: TokenStream::new(),
            is_conditional: false,
            lints: TokenStream::new(),
            is_ambiguous: false,
        };
        let mut docs = Vec::new();
        let (mut may_be_marked, mut may_be_left_out) = (false, false);
        let mut next = Some(pound);
        while let Some(pound) = next.take() {
            let Some(TokenTree::Group(group)) = rest.pop_if(is_bracketed) else {
                // An inner attribute, or something half-typed.
                run.kept.extend([pound]);
                break;
            };
            let attribute = [pound, TokenTree::Group(group.clone())];
            let group = unwrapped(group);
            if let Some(mark) = ours(&group, errors) {
                run.ours.extend(written(&mark));
                run.add(mark, errors);
            } else if let Some(split) = conditions::split(&group) {
                may_be_marked |= split.marks;
                may_be_left_out |= split.leaves_out;
                run.kept.extend(split.kept);
                run.ours.extend(split.ours);
                run.lints.extend(split.lints);
            } else {
                run.lints
                    .extend(lints::of(&group.stream()).map(|lint| quote!(#[#lint])));
                let is_cfg = conditions::is_cfg(&group.stream());
                let doc = Line::of(&group.stream());
                if is_cfg || doc.is_some() {
                    run.ours.extend(attribute.clone());
                }
                may_be_left_out |= is_cfg;
                docs.extend(doc);
                run.kept.extend(attribute);
            }
            next = rest
                .pop_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#'));
        }
        if run.is_ambiguous {
            run.found = None;
            return run;
        }
        if let Some(found) = &mut run.found {
            found.doc = Doc::of(docs);
        }
        run.is_conditional = may_be_marked || (may_be_left_out && run.found.is_some());
        run
    }

    fn add(&mut self, mark: Mark, errors: &mut Errors) {
        match &self.found {
            None => {
                self.found = Some(Found {
                    mark,
                    doc: Doc::default(),
                });
            }
            Some(found) if found.mark.kind == mark.kind => {
                let name = &mark.name;
                errors.at(name.span(), format!("`#[{name}]` stands here twice"));
            }
            Some(_) => {
                errors.at(
                    mark.name.span(),
                    "a fn is either a `#[step]` or a `#[delay]`, not both",
                );
                self.is_ambiguous = true;
            }
        }
    }
}

/// The attribute that the mark is.
fn written(mark: &Mark) -> TokenStream {
    let Mark {
        name, arguments, ..
    } = mark;
    let name = of_probe(name, mark.kind);
    quote_spanned!(name.span()=> #[#name(#arguments)])
}

/// The name of the mark on a probe.
pub(crate) fn of_probe(name: &Ident, kind: Kind) -> Ident {
    let of_probe = match kind {
        Kind::Step => STEP_OF_PROBE,
        Kind::Delay => DELAY_OF_PROBE,
    };
    Ident::new(of_probe, name.span())
}

/// The brackets without the invisible ones in them that a `meta` of a `macro_rules` comes in.
fn unwrapped(brackets: Group) -> Group {
    let mut content = brackets.stream().into_iter();
    match (content.next(), content.next()) {
        (Some(TokenTree::Group(inner)), None) if inner.delimiter() == Delimiter::None => {
            let mut group = Group::new(Delimiter::Bracket, inner.stream());
            group.set_span(brackets.span());
            unwrapped(group)
        }
        _ => brackets,
    }
}

fn is_bracketed(token: &mut TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}

/// Which of ours has this name.
pub(crate) fn kind(ident: &Ident) -> Option<Kind> {
    if ident == "step" || ident == STEP_OF_PROBE {
        Some(Kind::Step)
    } else if ident == "delay" || ident == DELAY_OF_PROBE {
        Some(Kind::Delay)
    } else {
        None
    }
}

/// What the brackets hold, if it is one of ours.
fn ours(group: &Group, errors: &mut Errors) -> Option<Mark> {
    let name = conditions::word(&group.stream())?;
    let kind = kind(&name)?;
    let name = match kind {
        Kind::Step => Ident::new("step", name.span()),
        Kind::Delay => Ident::new("delay", name.span()),
    };
    let after: TokenStream = group.stream().into_iter().skip(1).collect();
    let mut tokens = after.clone().into_iter();
    let arguments = match (tokens.next(), tokens.next()) {
        (None, _) => TokenStream::new(),
        (Some(TokenTree::Group(list)), None) if list.delimiter() == Delimiter::Parenthesis => {
            list.stream()
        }
        _ => {
            let example = match kind {
                Kind::Step => "timeout = \"10s\"",
                Kind::Delay => "name = \"a_name\"",
            };
            errors.under(
                after,
                format!("write `#[{name}]` or `#[{name}({example})]`"),
            );
            TokenStream::new()
        }
    };
    Some(Mark {
        kind,
        name,
        arguments,
    })
}

//! The helper attributes `#[step]` and `#[delay]`, found among a fn's attributes.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::{Expr, Lit, Meta};

use crate::errors::Errors;

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
    /// What follows it in the brackets.
    pub(crate) arguments: TokenStream,
}

/// A run of neighbouring attributes that holds one of ours.
pub(crate) struct Found {
    pub(crate) mark: Mark,
    pub(crate) doc: String,
}

/// A run of neighbouring attributes.
pub(crate) struct Run {
    /// All but ours.
    pub(crate) kept: TokenStream,
    pub(crate) found: Option<Found>,
}

impl Run {
    /// Takes the run that begins with `pound` from the end of the reversed `rest`.
    pub(crate) fn take(pound: TokenTree, rest: &mut Vec<TokenTree>, errors: &mut Errors) -> Self {
        let mut run = Self {
            kept: TokenStream::new(),
            found: None,
        };
        let mut docs = Vec::new();
        let mut conditions = Vec::new();
        let mut next = Some(pound);
        while let Some(pound) = next.take() {
            let Some(TokenTree::Group(group)) = rest.pop_if(is_bracketed) else {
                // An inner attribute, or something half-typed.
                run.kept.extend([pound]);
                break;
            };
            if let Some(mark) = ours(&group) {
                run.add(mark, errors);
            } else if let Some(name) = ours_by_condition(&group) {
                errors.at(
                    name.span(),
                    format!("`#[{name}]` can't depend on a `cfg`: which steps there are must be known before it is evaluated"),
                );
            } else {
                docs.extend(doc(&group));
                conditions.extend(condition(&group));
                run.kept.extend([pound, TokenTree::Group(group)]);
            }
            next = rest
                .pop_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#'));
        }
        if let Some(found) = &mut run.found {
            docs.join("\n").trim().clone_into(&mut found.doc);
            for cfg in conditions {
                errors.at(
                    cfg.span(),
                    "a step can't depend on a `cfg`: put the `cfg` into its body, or on the whole `impl` block",
                );
            }
        }
        run
    }

    fn add(&mut self, mark: Mark, errors: &mut Errors) {
        match &self.found {
            None => {
                self.found = Some(Found {
                    mark,
                    doc: String::new(),
                });
            }
            Some(found) if found.mark.kind == mark.kind => {
                let name = &mark.name;
                errors.at(name.span(), format!("`#[{name}]` stands here twice"));
            }
            Some(_) => errors.at(
                mark.name.span(),
                "a fn is either a `#[step]` or a `#[delay]`, not both",
            ),
        }
    }
}

fn is_bracketed(token: &mut TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}

fn kind(ident: &Ident) -> Option<Kind> {
    if ident == "step" {
        Some(Kind::Step)
    } else if ident == "delay" {
        Some(Kind::Delay)
    } else {
        None
    }
}

/// What the brackets hold, if it is one of ours.
fn ours(group: &Group) -> Option<Mark> {
    let mut tokens = group.stream().into_iter();
    let Some(TokenTree::Ident(name)) = tokens.next() else {
        return None;
    };
    let arguments: TokenStream = tokens.collect();
    let is_path = matches!(
        arguments.clone().into_iter().next(),
        Some(TokenTree::Punct(punct)) if punct.as_char() == ':'
    );
    match kind(&name) {
        Some(kind) if !is_path => Some(Mark {
            kind,
            name,
            arguments,
        }),
        _ => None,
    }
}

/// The word `step` or `delay` in `#[cfg_attr(condition, step)]`.
fn ours_by_condition(group: &Group) -> Option<Ident> {
    let mut tokens = group.stream().into_iter();
    match tokens.next() {
        Some(TokenTree::Ident(name)) if name == "cfg_attr" => {}
        _ => return None,
    }
    let Some(TokenTree::Group(arguments)) = tokens.next() else {
        return None;
    };
    let mut after_comma = false;
    for token in arguments.stream() {
        match token {
            TokenTree::Ident(name) if after_comma && kind(&name).is_some() => return Some(name),
            TokenTree::Punct(punct) => after_comma = punct.as_char() == ',',
            _ => after_comma = false,
        }
    }
    None
}

/// The line of a doc comment.
fn doc(group: &Group) -> Option<String> {
    let Ok(Meta::NameValue(pair)) = syn::parse2(group.stream()) else {
        return None;
    };
    match pair.value {
        Expr::Lit(expr) if pair.path.is_ident("doc") => match expr.lit {
            Lit::Str(line) => {
                let line = line.value();
                Some(
                    line.strip_prefix(' ')
                        .unwrap_or(&line)
                        .trim_end()
                        .to_owned(),
                )
            }
            _ => None,
        },
        _ => None,
    }
}

/// The word `cfg` of `#[cfg(…)]`.
fn condition(group: &Group) -> Option<Ident> {
    match group.stream().into_iter().next() {
        Some(TokenTree::Ident(name)) if name == "cfg" => Some(name),
        _ => None,
    }
}

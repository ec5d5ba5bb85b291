//! What can be told of a type from its tokens.

use proc_macro2::{Group, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, ReturnType, Type};

/// A type as the user wrote it, with `Self` spelled out, so that it can stand outside the `impl`.
#[derive(Clone)]
pub(crate) struct Spelled {
    pub(crate) tokens: TokenStream,
    /// Where errors about it go.
    pub(crate) span: Span,
}

impl Spelled {
    pub(crate) fn new(ty: &Type, self_ty: &Type) -> Self {
        let tokens = spell_self(ty.to_token_stream(), self_ty);
        let span = first_span(&tokens);
        Self { tokens, span }
    }

    /// The type's tokens with no place in the user's code, where only lints would look at it.
    pub(crate) fn unplaced(&self) -> TokenStream {
        respan(self.tokens.clone(), Span::mixed_site())
    }

    /// The type `()`, where nothing names another.
    pub(crate) fn unit(span: Span) -> Self {
        Self {
            tokens: quote!(()),
            span,
        }
    }

    /// Whether it mentions one of these names.
    pub(crate) fn mentions(&self, names: &[String]) -> bool {
        mentions(self.tokens.clone(), names)
    }
}

fn mentions(tokens: TokenStream, names: &[String]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.iter().any(|name| ident == name),
        TokenTree::Group(group) => mentions(group.stream(), names),
        _ => false,
    })
}

/// The first token's span, also inside invisible delimiters.
fn first_span(tokens: &TokenStream) -> Span {
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Group(group)) if group.delimiter() == proc_macro2::Delimiter::None => {
            first_span(&group.stream())
        }
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}

/// The tokens with the self type in place of `Self`.
pub(crate) fn spell_self(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    let mut spelled = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let ty = respan(self_ty.to_token_stream(), ident.span());
                let is_path = matches!(
                    tokens.peek(),
                    Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint
                );
                spelled.extend(if is_path { quote!(<#ty>) } else { ty });
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), spell_self(group.stream(), self_ty));
                inner.set_span(group.span());
                spelled.extend([TokenTree::Group(inner)]);
            }
            token => spelled.extend([token]),
        }
    }
    spelled
}

/// The tokens, all at one place.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                token = Group::new(group.delimiter(), respan(group.stream(), span)).into();
            }
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

/// The type without the invisible delimiters of a `macro_rules` and without parentheses.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        ty => ty,
    }
}

/// Whether the last segment of the type's path is this.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    match peel(ty) {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == name),
        _ => false,
    }
}

/// Whether the type, or the first type argument of a type named `Result`, is plainly not `()`.
pub(crate) fn yields_something(ty: &Type) -> bool {
    match peel(ty) {
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Path(path) => match path.path.segments.last() {
            Some(name) if name.ident == "Result" => match &name.arguments {
                PathArguments::AngleBracketed(list) => list
                    .args
                    .iter()
                    .find_map(|argument| match argument {
                        GenericArgument::Type(ty) => Some(yields_something(ty)),
                        _ => None,
                    })
                    .unwrap_or(false),
                _ => false,
            },
            _ => true,
        },
        Type::Never(_) => false,
        _ => true,
    }
}

/// Why a value of this type can't be kept between two steps; the tokens to blame, and a sentence.
pub(crate) fn why_not_kept(ty: &Type) -> Option<(TokenStream, String)> {
    let blame = |sentence: &str| Some((ty.to_token_stream(), sentence.to_owned()));
    match ty {
        Type::Group(group) => why_not_kept(&group.elem),
        Type::Paren(paren) => why_not_kept(&paren.elem),
        Type::ImplTrait(_) => blame("a step's types have names: `impl Trait` has none"),
        Type::Infer(_) => blame("a step's types are written out"),
        Type::Slice(slice) => {
            let elem = slice.elem.to_token_stream();
            blame(&format!(
                "`[{elem}]` has no fixed size: the value between steps is owned, such as a `Vec`"
            ))
        }
        Type::TraitObject(_) => blame(
            "a trait object has no fixed size: the value between steps is owned, such as a `Box`",
        ),
        Type::Path(path) if path.qself.is_none() && path.path.is_ident("str") => {
            blame("`str` has no fixed size: the value between steps is owned, such as a `String`")
        }
        ty => why_borrowed(ty),
    }
}

/// Why a type that stands inside another can't be kept.
fn why_inner_not_kept(ty: &Type) -> Option<(TokenStream, String)> {
    match ty {
        // Behind a pointer, size does not matter.
        Type::Slice(slice) => why_inner_not_kept(&slice.elem),
        Type::TraitObject(_) => None,
        Type::Path(path) if path.path.is_ident("str") => None,
        ty => why_not_kept(ty),
    }
}

fn why_borrowed(ty: &Type) -> Option<(TokenStream, String)> {
    let borrowed = |tokens| {
        Some((
            tokens,
            "the value between steps is owned: it outlives every borrow but a `'static` one"
                .to_owned(),
        ))
    };
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident != "_" => why_inner_not_kept(&reference.elem),
            _ => borrowed(ty.to_token_stream()),
        },
        Type::Array(array) => why_not_kept(&array.elem),
        Type::Ptr(pointer) => why_inner_not_kept(&pointer.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(why_not_kept),
        Type::Path(path) => {
            let segments = path.path.segments.iter();
            segments
                .filter_map(|segment| match &segment.arguments {
                    PathArguments::AngleBracketed(list) => Some(&list.args),
                    // The lifetimes of `Fn(&T)` are its own.
                    _ => None,
                })
                .flatten()
                .find_map(|argument| match argument {
                    GenericArgument::Type(ty) => why_inner_not_kept(ty),
                    GenericArgument::Lifetime(lifetime) if lifetime.ident == "_" => {
                        borrowed(lifetime.to_token_stream())
                    }
                    _ => None,
                })
        }
        _ => None,
    }
}

/// The type after `->`.
pub(crate) fn returned(output: &ReturnType) -> Option<&Type> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(ty),
    }
}

//! Which types a value that is kept between two steps can't have, as far as their tokens tell.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, Type, TypeParamBound, TypeTraitObject};

use crate::types::{arguments, peel};

/// Why a value of this type can't be kept between two steps; the tokens to blame, and a sentence.
pub(crate) fn why_not_kept(ty: &Type) -> Option<(TokenStream, String)> {
    let blame = |sentence: &str| Some((ty.to_token_stream(), sentence.to_owned()));
    match ty {
        Type::Group(group) => why_not_kept(&group.elem),
        Type::Paren(paren) => why_not_kept(&paren.elem),
        Type::ImplTrait(_) => blame("a step's types have names: `impl Trait` has none"),
        Type::Infer(_) => blame("a step's types are written out"),
        Type::Never(_) => blame("a step that never returns has nothing to hand on"),
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
    match peel(ty) {
        // Behind a pointer, size does not matter.
        Type::Slice(slice) => why_inner_not_kept(&slice.elem),
        Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Lifetime(lifetime) if lifetime.ident == "_" => {
                Some(borrowed(lifetime.to_token_stream()))
            }
            _ => None,
        }),
        Type::Path(path) if path.path.is_ident("str") => None,
        ty => why_not_kept(ty),
    }
}

/// Says that the tokens borrow.
fn borrowed(tokens: TokenStream) -> (TokenStream, String) {
    let sentence = "the value between steps is owned: it outlives every borrow but a `'static` one";
    (tokens, sentence.to_owned())
}

/// Why a closure in a box can't go from thread to thread, where nothing but types of the standard library
/// is around it, by name.
pub(crate) fn why_not_sent(ty: &Type) -> Option<(TokenStream, String)> {
    let path = match peel(ty) {
        Type::Reference(reference) => return why_not_sent(&reference.elem),
        Type::Tuple(tuple) => return tuple.elems.iter().find_map(why_not_sent),
        Type::Path(path) => path,
        _ => return None,
    };
    let name = path.path.segments.last()?.ident.to_string();
    let mut arguments = arguments(ty);
    match name.as_str() {
        "Box" | "Arc" => {
            let Type::TraitObject(object) = peel(arguments.next()?) else {
                return None;
            };
            let bounds = if name == "Arc" { "Send + Sync" } else { "Send" };
            is_plain_closure(object).then(|| {
                let sentence = format!("a closure goes from thread to thread with the value that it is in: add `+ {bounds}`");
                (object.to_token_stream(), sentence)
            })
        }
        "Option" | "Vec" | "Result" | "ControlFlow" => arguments.find_map(why_not_sent),
        _ => None,
    }
}

/// Whether it is `dyn Fn(…)` and no more.
fn is_plain_closure(object: &TypeTraitObject) -> bool {
    let mut bounds = object.bounds.iter();
    let (Some(TypeParamBound::Trait(bound)), None) = (bounds.next(), bounds.next()) else {
        return false;
    };
    let last = bound.path.segments.last();
    last.is_some_and(|last| matches!(last.arguments, PathArguments::Parenthesized(_)))
}

fn why_borrowed(ty: &Type) -> Option<(TokenStream, String)> {
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident != "_" => why_inner_not_kept(&reference.elem),
            _ => Some(borrowed(ty.to_token_stream())),
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
                        Some(borrowed(lifetime.to_token_stream()))
                    }
                    _ => None,
                })
        }
        _ => None,
    }
}

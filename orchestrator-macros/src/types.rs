//! What can be told of a type from its tokens.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
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

    /// Whether it is written the same: in one block, that is the same type.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.tokens.to_string() == other.tokens.to_string()
    }

    /// The parameters of the block, and the types projected from them, that a value of this type
    /// holds; with no place in the user's code, where only lints would look at them.
    pub(crate) fn parameters(&self, names: &[Ident]) -> Vec<TokenStream> {
        let mut found = Vec::new();
        if let Ok(ty) = syn::parse2(self.tokens.clone()) {
            find_parameters(&ty, names, &mut found);
        }
        found
            .into_iter()
            .map(|tokens| respan(tokens, Span::mixed_site()))
            .collect()
    }

    /// The type `()`, where nothing names another.
    pub(crate) fn unit(span: Span) -> Self {
        Self {
            tokens: quote!(()),
            span,
        }
    }
}

/// Whether the two are paths that end in the same name.
pub(crate) fn is_same_name(one: &Type, other: &Type) -> bool {
    match peel(other) {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| is_named(one, &last.ident.to_string()))
        }
        _ => false,
    }
}

/// Whether one of the names stands anywhere in it.
pub(crate) fn mentions(tokens: TokenStream, names: &[String]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.iter().any(|name| ident == name),
        TokenTree::Group(group) => mentions(group.stream(), names),
        _ => false,
    })
}

/// Whether there may be a lifetime in it, if only the `'static` of a trait object.
pub(crate) fn has_lifetimes(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "dyn",
        TokenTree::Punct(punct) => punct.as_char() == '\'',
        TokenTree::Group(group) => has_lifetimes(group.stream()),
        TokenTree::Literal(_) => false,
    })
}

/// A lifetime that is left to be found out: `'_`, or that of a `&` without one. Those in parentheses
/// are passed over, since the lifetimes of `fn(&T)` are its own.
pub(crate) fn unnamed_lifetime(tokens: TokenStream) -> Option<Span> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                let name = tokens.next()?;
                if name.to_string() == "_" {
                    return Some(name.span());
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let is_named = matches!(
                    tokens.peek(),
                    Some(TokenTree::Punct(next)) if next.as_char() == '\''
                );
                if !is_named {
                    return Some(punct.span());
                }
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                if let Some(span) = unnamed_lifetime(group.stream()) {
                    return Some(span);
                }
            }
            _ => {}
        }
    }
    None
}

fn find_parameters(ty: &Type, names: &[Ident], found: &mut Vec<TokenStream>) {
    match ty {
        Type::Path(path) => {
            let segments = &path.path.segments;
            let is_parameter = match &path.qself {
                Some(qself) => names
                    .iter()
                    .any(|name| mentions(qself.ty.to_token_stream(), &[name.to_string()])),
                None => segments
                    .first()
                    .is_some_and(|first| names.contains(&first.ident)),
            };
            if is_parameter {
                found.push(ty.to_token_stream());
                return;
            }
            let lists = segments
                .iter()
                .filter_map(|segment| match &segment.arguments {
                    PathArguments::AngleBracketed(list) => Some(&list.args),
                    _ => None,
                });
            for argument in lists.flatten() {
                if let GenericArgument::Type(ty) = argument {
                    find_parameters(ty, names, found);
                }
            }
        }
        Type::Array(array) => find_parameters(&array.elem, names, found),
        Type::Group(group) => find_parameters(&group.elem, names, found),
        Type::Paren(paren) => find_parameters(&paren.elem, names, found),
        Type::Ptr(pointer) => find_parameters(&pointer.elem, names, found),
        Type::Reference(reference) => find_parameters(&reference.elem, names, found),
        Type::Slice(slice) => find_parameters(&slice.elem, names, found),
        Type::Tuple(tuple) => {
            for ty in &tuple.elems {
                find_parameters(ty, names, found);
            }
        }
        // Whether a trait object or a fn pointer is `Send` does not hang on what it mentions.
        _ => {}
    }
}

/// The first token's span, also inside invisible delimiters.
pub(crate) fn first_span(tokens: &TokenStream) -> Span {
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::None => {
            first_span(&group.stream())
        }
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}

/// The tokens with the self type in place of `Self`.
pub(crate) fn spell_self(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    spell_self_in(tokens, self_ty, false)
}

/// In an expression, such as `{ Self::COUNT }`, a type alone would be no value and is left.
fn spell_self_in(tokens: TokenStream, self_ty: &Type, is_expression: bool) -> TokenStream {
    let mut spelled = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_path = matches!(
            tokens.peek(),
            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint
        );
        match token {
            // `Self<…>` is an error, which rustc tells of the user's own.
            TokenTree::Ident(ident) if ident == "Self" && is_generic(tokens.peek()) => {
                spelled.extend([TokenTree::Ident(ident)]);
            }
            TokenTree::Ident(ident) if ident == "Self" && (is_path || !is_expression) => {
                let ty = respan(self_ty.to_token_stream(), ident.span());
                spelled.extend(if is_path { quote!(<#ty>) } else { ty });
            }
            TokenTree::Group(group) => {
                let is_expression = is_expression || group.delimiter() == Delimiter::Brace;
                let content = spell_self_in(group.stream(), self_ty, is_expression);
                let mut inner = Group::new(group.delimiter(), content);
                inner.set_span(group.span());
                spelled.extend([TokenTree::Group(inner)]);
            }
            token => spelled.extend([token]),
        }
    }
    spelled
}

fn is_generic(next: Option<&TokenTree>) -> bool {
    matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == '<')
}

/// The tokens, all at one place.
pub(crate) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
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

/// The types in the angle brackets of the type's last segment: of a `Result`, what it is one of.
pub(crate) fn arguments(ty: &Type) -> impl Iterator<Item = &Type> {
    let segment = match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let arguments = segment.and_then(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(list) => Some(&list.args),
        _ => None,
    });
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

/// Whether the type, or what it is a `Result` of, or what it goes on with as a `ControlFlow`, is
/// plainly not `()`.
pub(crate) fn yields_something(ty: &Type) -> bool {
    if is_named(ty, "Result") {
        return arguments(ty).next().is_some_and(yields_something);
    }
    if is_named(ty, "ControlFlow") {
        return arguments(ty).nth(1).is_some_and(yields_something);
    }
    match peel(ty) {
        Type::Tuple(tuple) => !tuple.elems.is_empty(),
        Type::Never(_) => false,
        _ => true,
    }
}

/// The type after `->`.
pub(crate) fn returned(output: &ReturnType) -> Option<&Type> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(ty),
    }
}

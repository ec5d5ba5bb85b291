//! Tokens -> what the user wrote.
//!
//! Only the head of the `impl` and the signatures of the marked fns are parsed. All else, bodies
//! above all, is passed on as it came: rustc reports what is wrong there, once and better.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, FnArg, Generics, Signature, Token, Type, Visibility, WhereClause};

use crate::attributes::{Found, Run};
use crate::errors::Errors;
use crate::{lints, types};

/// What stands under `#[blueprint]`.
pub(crate) struct Parsed {
    /// The user's tokens with our helper attributes taken out.
    pub(crate) emitted: TokenStream,
    /// The head of the `impl`; `None` if it is none that a blueprint can be made from.
    pub(crate) head: Option<Head>,
    /// All before the body.
    pub(crate) header: TokenStream,
    /// The marked fns in source order.
    pub(crate) fns: Vec<MarkedFn>,
}

/// `impl<…> SelfType where …`.
pub(crate) struct Head {
    /// Those attributes of the block that hold for what we generate, too.
    pub(crate) inherited: TokenStream,
    pub(crate) impl_span: Span,
    pub(crate) generics: Generics,
    pub(crate) self_ty: Type,
}

impl Head {
    /// Refuses lifetimes, since a blueprint is `'static`. Gives whether there are any.
    pub(crate) fn refuse_lifetimes(&self, errors: &mut Errors) -> bool {
        let named = self.generics.lifetimes().map(|param| param.lifetime.span());
        let unnamed = types::unnamed_lifetime(self.self_ty.to_token_stream());
        let mut lifetimes = named.chain(unnamed).peekable();
        let has_some = lifetimes.peek().is_some();
        for span in lifetimes {
            errors.at(
                span,
                "a blueprint outlives every borrow, so it has no lifetime parameters: own what the steps use, or share it by an `Arc`",
            );
        }
        has_some
    }

    /// Refuses a type without a name of its own. Gives whether it is one.
    pub(crate) fn refuse_unnamed(&self, errors: &mut Errors) -> bool {
        let is_unnamed = self.name().is_none();
        if is_unnamed {
            errors.under(&self.self_ty, "a blueprint is a struct or an enum");
        }
        is_unnamed
    }

    /// The name of the type.
    pub(crate) fn name(&self) -> Option<&Ident> {
        match types::peel(&self.self_ty) {
            Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
            _ => None,
        }
    }
}

/// A fn marked `#[step]` or `#[delay]`.
pub(crate) struct MarkedFn {
    /// `None` if it hangs on a `cfg` whether it is marked.
    pub(crate) found: Option<Found>,
    /// Its attributes that matter to the pipeline, as they were written.
    pub(crate) attributes: TokenStream,
    /// Whether it hangs on a `cfg` if, or how, it is a step.
    pub(crate) is_conditional: bool,
    /// What it asks of the lints for generated code.
    pub(crate) lints: TokenStream,
    pub(crate) signature: Signature,
}

/// Takes apart what stands under `#[blueprint]`.
pub(crate) fn parse(item: TokenStream, errors: &mut Errors) -> Parsed {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    // An item that a `macro_rules` was given comes in invisible delimiters.
    if let [TokenTree::Group(group)] = tokens.as_slice()
        && group.delimiter() == Delimiter::None
    {
        tokens = group.stream().into_iter().collect();
    }
    let body = match tokens.pop() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        last => {
            tokens.extend(last);
            None
        }
    };
    let header: TokenStream = tokens.into_iter().collect();
    let mut head = match parse_head.parse2(header.clone()) {
        Ok(head) if body.is_some() => Some(head),
        Ok(head) => {
            errors.at(head.impl_span, NOT_AN_IMPL);
            None
        }
        Err(error) => {
            errors.push(error);
            None
        }
    };

    let mut fns = Vec::new();
    let mut emitted = header.clone();
    if let Some(body) = body {
        // What is wrong with the steps of something that is no blueprint does not matter.
        let mut ignored = Errors::default();
        let errors = if head.is_some() { errors } else { &mut ignored };
        let inner = parse_body(body.stream(), &mut fns, errors);
        if let Some(head) = &mut head {
            head.inherited.extend(lints_within(&body.stream()));
        }
        let mut group = Group::new(Delimiter::Brace, inner);
        group.set_span(body.span());
        emitted.extend([TokenTree::Group(group)]);
    }
    Parsed {
        emitted,
        head,
        header,
        fns,
    }
}

const NOT_AN_IMPL: &str = "`#[blueprint]` goes on the `impl` block that holds the steps";

/// Parses all before the body.
pub(crate) fn parse_head(input: ParseStream<'_>) -> syn::Result<Head> {
    let attributes = input.call(Attribute::parse_outer)?;
    let start = input.span();
    let _: Option<Token![default]> = input.parse()?;
    let unsafety: Option<Token![unsafe]> = input.parse()?;
    if !input.peek(Token![impl]) {
        // The rest is of no interest, and an error would hide ours.
        input.parse::<TokenStream>()?;
        return Err(syn::Error::new(start, NOT_AN_IMPL));
    }
    let impl_span = input.parse::<Token![impl]>()?.span;
    let fork = input.fork();
    let mut generics = match fork.parse::<Generics>() {
        Ok(_) => input.parse()?,
        // `impl <T as Trait>::Type {}` begins like generics, and is rustc's to refuse.
        Err(_) if input.peek(Token![<]) && input.fork().parse::<Type>().is_ok() => {
            Generics::default()
        }
        Err(error) => return Err(error),
    };
    let negative: Option<Token![!]> = if input.peek2(Token![>]) {
        None
    } else {
        input.parse()?
    };
    let self_ty: Type = input.parse()?;
    if input.peek(Token![for]) {
        input.parse::<TokenStream>()?;
        return Err(syn::Error::new_spanned(
            self_ty,
            "`#[blueprint]` goes on an inherent `impl` block: a trait's `impl` can't hold the steps",
        ));
    }
    generics.where_clause = input.parse::<Option<WhereClause>>()?;
    if !input.is_empty() {
        return Err(input.error("expected the `{` of the `impl` block"));
    }
    if unsafety.is_some() || negative.is_some() {
        return Err(syn::Error::new(start, NOT_AN_IMPL));
    }
    let inherited = attributes.iter().map(inherited).collect();
    Ok(Head {
        inherited,
        impl_span,
        generics,
        self_ty,
    })
}

/// What an attribute of the block has to say of generated code.
fn inherited(attribute: &Attribute) -> TokenStream {
    if attribute.path().is_ident("cfg") {
        return attribute.to_token_stream();
    }
    let content = attribute.meta.to_token_stream();
    lints::inherited(&Group::new(Delimiter::Bracket, content))
}

/// Goes through the block's tokens, takes our attributes out and keeps the signatures under them.
fn parse_body(body: TokenStream, fns: &mut Vec<MarkedFn>, errors: &mut Errors) -> TokenStream {
    let mut emitted = TokenStream::new();
    let mut rest: Vec<TokenTree> = body.into_iter().collect();
    // From the end, so that taking a token is cheap.
    rest.reverse();
    while let Some(token) = rest.pop() {
        let is_attribute = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        if !is_attribute {
            emitted.extend([token]);
            continue;
        }
        let run = Run::take(token, &mut rest, errors);
        emitted.extend(run.kept);
        if run.found.is_none() && !run.is_conditional {
            continue;
        }
        match parse_signature.parse2(item_at_end(&rest)) {
            Ok(signature) => {
                emitted.extend(allowances(&signature));
                fns.push(MarkedFn {
                    found: run.found,
                    attributes: run.ours,
                    is_conditional: run.is_conditional,
                    lints: run.lints,
                    signature,
                });
            }
            Err(error) => errors.push(explain(run.found.as_ref(), &error, &rest)),
        }
    }
    emitted
}

/// What the inner attributes of a block, `#![…]`, ask of the lints.
fn lints_within(body: &TokenStream) -> TokenStream {
    let mut lints = TokenStream::new();
    let mut tokens = body.clone().into_iter();
    while let (
        Some(TokenTree::Punct(pound)),
        Some(TokenTree::Punct(bang)),
        Some(TokenTree::Group(group)),
    ) = (tokens.next(), tokens.next(), tokens.next())
        && (pound.as_char(), bang.as_char()) == ('#', '!')
    {
        lints.extend(lints::inherited(&group));
    }
    lints
}

/// The item that the reversed tokens begin with: up to its body, or to what may be one.
fn item_at_end(reversed: &[TokenTree]) -> TokenStream {
    let mut item = Vec::new();
    let mut tokens = reversed.iter().rev().peekable();
    while let Some(token) = tokens.next() {
        item.push(token.clone());
        let is_braced =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        // `[u8; { N }]` is a group, but `Page<{ N }>` is none.
        let is_in_generics = matches!(
            tokens.peek(),
            Some(TokenTree::Punct(next)) if matches!(next.as_char(), '>' | ',')
        );
        if is_braced && !is_in_generics {
            break;
        }
    }
    item.into_iter().collect()
}

/// Silences the lints whose advice on a signature a step can't follow. Only where it may be given: what a
/// crate forbids can't be allowed.
fn allowances(signature: &Signature) -> TokenStream {
    let arguments = || {
        signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(types::peel(&argument.ty)),
            FnArg::Receiver(_) => None,
        })
    };
    let is_borrowed = |ty: &Type| matches!(ty, Type::Reference(_));
    let by_value = arguments()
        .any(|ty| !is_borrowed(ty))
        .then(|| quote!(clippy::needless_pass_by_value,));
    let borrowed = arguments().any(is_borrowed).then(|| {
        quote! {
            clippy::borrowed_box,
            clippy::ptr_arg,
            clippy::ref_option,
            clippy::trivially_copy_pass_by_ref,
        }
    });
    let asynchronous = signature.asyncness.map(|_| quote!(clippy::unused_async,));
    quote!(#[allow(#borrowed #by_value #asynchronous clippy::unused_self)])
}

fn parse_signature(input: ParseStream<'_>) -> syn::Result<Signature> {
    input.parse::<Visibility>()?;
    let _: Option<Token![default]> = input.parse()?;
    let signature = input.parse()?;
    // The body stays as it is.
    input.parse::<TokenStream>()?;
    Ok(signature)
}

/// Says of a marked item whose signature can't be parsed what is the matter.
fn explain(found: Option<&Found>, error: &syn::Error, reversed: &[TokenTree]) -> syn::Error {
    let is_fn = reversed
        .iter()
        .rev()
        .take_while(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace))
        .take_while(|token| !matches!(token, TokenTree::Punct(punct) if "#;=".contains(punct.as_char())))
        .any(|token| matches!(token, TokenTree::Ident(ident) if *ident == "fn"));
    if is_fn {
        // rustc says the same in its own words, unless it reads more than we do.
        let message = format!("this step's signature can't be read: {error}");
        return syn::Error::new(error.span(), message);
    }
    match found.map(|found| &found.mark.name) {
        Some(name) => syn::Error::new(name.span(), format!("`#[{name}]` goes on a fn")),
        None => syn::Error::new(error.span(), "a step is a fn"),
    }
}

/// The name of the fn without the `r#` of a raw identifier.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

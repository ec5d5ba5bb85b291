//! What is wrong is told, all at once and once each. Whatever comes in, the user's own code goes out,
//! and nothing panics.

mod bodies;
mod examples;
mod expansions;
mod mangled;

use std::str::FromStr as _;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::quote;

use crate::errors::Errors;
use crate::expand;
use crate::model::Pipeline;
use crate::names::Names;
use crate::parse;

/// The errors that a block gives.
fn errors(arguments: TokenStream, item: TokenStream) -> Vec<String> {
    let mut errors = Errors::default();
    let parsed = parse::parse(item, &mut errors);
    if let Some(head) = parsed.head {
        let names = Names::unlike(&TokenStream::new());
        Pipeline::new(arguments, &names, &head, parsed.fns, &mut errors);
    }
    errors.messages()
}

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).expect(text)
}

/// What stands beside the user's block in the expansion.
fn generated(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let emitted = parse::parse(item.clone(), &mut Errors::default()).emitted;
    let expanded = expand::blueprint(arguments, item);
    expanded
        .into_iter()
        .skip(emitted.into_iter().count())
        .collect()
}

/// Whether an identifier of this name is anywhere in it.
fn has(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => has(&group.stream(), name),
        _ => false,
    })
}

#[test]
fn all_errors_come_in_one_go() {
    let item = quote! {
        impl P {
            #[step(tiemout = "1s", timeout = "1 fortnight", retry)]
            fn first(self, a: A, b: B) -> &str {}
            #[step]
            async fn second<T>() where T: X {}
            #[delay(timeout = "1s")]
            fn third(&self, value: &mut A) {}
            #[delay]
            #[step]
            fn fourth() {}
        }
    };
    let errors = errors(quote!(krate = x), item);
    for sentence in [
        "unknown option `krate`",
        "did you mean `timeout`",
        "unknown unit `fortnight`",
        "how often?",
        "a step is an `async fn`",
        "a step takes `&self`",
        "a step takes one value",
        "the value between steps is owned",
        "not both",
        "a step can't be generic",
        "no `where` clause of its own",
        "give `second` a `&self`",
        "a delay has no `timeout`",
        "does not change the value in place",
        "it returns a `Duration`",
    ] {
        let count = errors
            .iter()
            .filter(|error| error.contains(sentence))
            .count();
        assert_eq!(count, 1, "{sentence}: {errors:#?}");
    }
    assert_eq!(errors.len(), 15, "{errors:#?}");
}

#[test]
fn one_mistake_is_one_error() {
    for (item, sentence) in [
        (
            quote!(
                #[step]
                async fn a(&self, _: impl X) -> B {}
            ),
            "`impl Trait` has none",
        ),
        (
            quote!(
                #[step]
                async fn a(&self, cx: &StepContext, _: A) -> B {}
            ),
            "the value comes before the context",
        ),
        (
            quote!(
                #[step]
                async fn a<'a>(&'a self, _: &'a A) {}
            ),
            "a step names no lifetimes",
        ),
        (
            quote!(
                #[step(timeout: "1s")]
                async fn a(&self) {}
            ),
            "write `timeout = …`",
        ),
        (
            quote!(
                #[step("1s")]
                async fn a(&self) {}
            ),
            "the options of a step are",
        ),
        (
            quote!(
                #[step(retries = 3)]
                async fn a(&self) -> Result<(), E> {}
            ),
            "did you mean `retry`",
        ),
        (
            quote!(
                #[delay("5s")]
                fn a(&self) -> Duration {}
            ),
            "the option of a delay is `name`",
        ),
        (
            quote!(
                #[step(retry(times = 1, backoff = "1m"))]
                async fn a(&self) -> Result<(), E> {}
            ),
            "longer than the longest pause, 30s unless `max` is given",
        ),
        (
            quote!(
                #[step(retry(times = 1, backoff = "2s", max = "1s"))]
                async fn a(&self) -> Result<(), E> {}
            ),
            "`backoff` is longer than `max`",
        ),
    ] {
        let errors = errors(TokenStream::new(), quote!(impl P { #item }));
        assert_eq!(errors.len(), 1, "{item}: {errors:#?}");
        assert!(errors[0].contains(sentence), "{item}: {errors:#?}");
    }
}

#[test]
fn a_fallback_has_no_helper_attributes() {
    for head in [
        "impl Trait for P",
        "impl <",
        "trait T",
        "mod m",
        "impl<'a> P<'a>",
        "",
    ] {
        let item = tokens(&format!(
            "{head} {{ #[step] async fn a(&self) {{}} #[delay(x)] fn b() {{}} }}"
        ));
        let expanded = expand::blueprint(TokenStream::new(), item).to_string();
        assert!(expanded.contains("compile_error"), "{expanded}");
        assert!(
            !expanded.contains("# [step") && !expanded.contains("# [delay"),
            "{expanded}"
        );
    }
}

#[test]
fn what_is_no_block_is_told_so() {
    for item in [
        "",
        "struct P;",
        "fn f() {}",
        "impl P;",
        "#[step] async fn f(&self) {}",
        "1",
    ] {
        let errors = errors(TokenStream::new(), tokens(item));
        assert_eq!(errors.len(), 1, "{item}: {errors:?}");
    }
}

#[test]
fn strange_tokens_are_no_panic() {
    let strange: TokenStream = [
        TokenTree::Ident(Ident::new("impl", Span::call_site())),
        TokenTree::Literal(Literal::f64_suffixed(1.0)),
        TokenTree::Punct(Punct::new('#', Spacing::Joint)),
        TokenTree::Group(Group::new(Delimiter::None, TokenStream::new())),
        TokenTree::Group(Group::new(
            Delimiter::Brace,
            quote!(# #! #[] #[step] #[doc = ] ),
        )),
    ]
    .into_iter()
    .collect();
    expand::blueprint(strange.clone(), strange);
}

//! Blocks with tokens left out, doubled, exchanged, replaced and cut off.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use proptest::prelude::*;
use quote::{ToTokens as _, quote};

use super::examples::EXAMPLES;
use super::expansions::probe;
use super::{generated, has, tokens};
use crate::expand;

/// What is done to a token.
#[derive(Clone, Debug)]
enum Edit {
    /// It is left out.
    Delete,
    /// It comes twice.
    Double,
    /// All that follows it in its brackets is left out, too.
    Truncate,
    /// Another comes in its place.
    Replace(usize),
    /// It is put into invisible brackets.
    Wrap,
}

/// What comes in the place of a token.
fn replacements() -> Vec<TokenStream> {
    vec![
        quote!(#),
        quote!(#[step]),
        quote!(#[delay]),
        quote!(#[cfg(unix)]),
        quote!(#[cfg_attr(unix, step, cfg_attr())]),
        quote!(#[cfg_attr]),
        quote!(<),
        quote!(>),
        quote!(fn),
        quote!(=),
        quote!(,),
        quote!(::),
        quote!('a),
        quote!(Self),
        quote!(self),
        quote!(ControlFlow<A>),
        quote!(Result<ControlFlow<A, B>>),
        quote!(limit = 0),
        quote!(rate = "1/s"),
        quote!(name = "x"),
        quote!({}),
        quote!([]),
        quote!(()),
        quote!("x"),
        quote!("1.5.s/1"),
        quote!(1.5),
        quote!(99999999999999999999999999),
        quote!(impl),
        quote!(&mut),
        quote!(-> !),
        quote!(for<'a>),
        quote!(r#type),
        quote!(where),
        quote!(async),
        quote!(_),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => Just(Edit::Delete),
        1 => Just(Edit::Double),
        1 => Just(Edit::Truncate),
        4 => (0..replacements().len()).prop_map(Edit::Replace),
        1 => Just(Edit::Wrap),
    ]
}

fn count(tokens: &TokenStream) -> usize {
    let each = tokens.clone().into_iter().map(|token| match token {
        TokenTree::Group(group) => 1 + count(&group.stream()),
        _ => 1,
    });
    each.sum()
}

/// The tokens after the edit of the one that is `left` tokens away.
fn edited(tokens: TokenStream, left: &mut usize, edit: &Edit) -> TokenStream {
    let mut after = TokenStream::new();
    for token in tokens {
        let is_it = *left == 0;
        *left = left.wrapping_sub(1);
        if is_it {
            match edit {
                Edit::Delete => {}
                Edit::Double => after.extend([token.clone(), token]),
                Edit::Truncate => return after,
                Edit::Replace(with) => after.extend(replacements()[*with].clone()),
                Edit::Wrap => {
                    after.extend([TokenTree::Group(Group::new(Delimiter::None, token.into()))]);
                }
            }
            continue;
        }
        after.extend([match token {
            TokenTree::Group(group) => {
                let inner = edited(group.stream(), left, edit);
                TokenTree::Group(Group::new(group.delimiter(), inner))
            }
            token => token,
        }]);
    }
    after
}

/// Asserts that the expansion holds the user's bodies and none of our attributes, and that what is
/// generated can be parsed.
fn assert_sound(arguments: &TokenStream, block: &TokenStream) {
    let expanded = expand::blueprint(arguments.clone(), block.clone());
    for body in ["body_one", "body_two", "body_three"] {
        assert!(
            !has(block, body) || has(&expanded, body),
            "{block}\n became\n{expanded}"
        );
    }
    let generated = generated(arguments.clone(), block.clone());
    if let Err(error) = syn::parse2::<syn::File>(generated.clone()) {
        panic!("{error}:\n{block}\n became\n{generated}");
    }
    if let Some(probe) = probe(generated) {
        let probe = probe.into_token_stream();
        let left = expand::probed(probe.clone());
        if let Err(error) = syn::parse2::<syn::File>(left.clone()) {
            panic!("{error}:\n{probe}\n became\n{left}");
        }
    }
}

#[test]
fn any_single_edit() {
    for (_, arguments, block) in EXAMPLES {
        let (arguments, block) = (tokens(arguments), tokens(block));
        for at in 0..count(&block) {
            for edit in [Edit::Delete, Edit::Double, Edit::Truncate, Edit::Wrap] {
                let mut left = at;
                assert_sound(&arguments, &edited(block.clone(), &mut left, &edit));
            }
        }
    }
}

/// What random edits have found.
#[test]
fn edits_that_were_found() {
    for (arguments, step) in [
        (
            "",
            "#[step] async fn a(&self, x: Page<{ Self + 1 }>) { body_one }",
        ),
        ("", "#[step] async fn a(&self, x: &Self<Self>) { body_one }"),
        ("", "#[step #] #[cfg(unix)] async fn a(&self) { body_one }"),
        (
            "",
            "#[step] #[cfg cfg(unix)] async fn a(&self) { body_one }",
        ),
        (
            "crate = Self::runtime",
            "#[step] async fn a(&self) { body_one }",
        ),
    ] {
        let block = format!("impl<T> Shop<T> {{ {step} }}");
        assert_sound(&tokens(arguments), &tokens(&block));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_edits(
        example in 0..EXAMPLES.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), edit()), 1..6),
    ) {
        let (_, arguments, block) = EXAMPLES[example];
        let (mut arguments, mut block) = (tokens(arguments), tokens(block));
        for (at, edit) in edits {
            // One of the tokens of the block, or of the arguments.
            let (in_block, in_arguments) = (count(&block), count(&arguments));
            if in_block + in_arguments == 0 {
                break;
            }
            let mut left = at.index(in_block + in_arguments);
            if left < in_block {
                block = edited(block, &mut left, &edit);
            } else {
                left -= in_block;
                arguments = edited(arguments, &mut left, &edit);
            }
        }
        assert_sound(&arguments, &block);
    }
}

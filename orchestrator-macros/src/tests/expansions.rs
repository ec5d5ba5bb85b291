//! What is generated for each form, to be read by a reviewer.
//!
//! `INSTA_UPDATE=always cargo test -p orchestrator-macros` writes the expansions anew.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Expr, Item, Stmt};

use super::examples::EXAMPLES;
use super::{generated, tokens};
use crate::expand;

fn pretty(tokens: &TokenStream) -> String {
    let file = syn::parse2(tokens.clone());
    prettyplease::unparse(&file.unwrap_or_else(|error| panic!("{error}: {tokens}")))
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("expansions");
    settings
}

#[test]
fn every_form() {
    for (name, arguments, block) in EXAMPLES {
        let mut written = format!("// #[blueprint({arguments})]\n");
        for line in block.lines() {
            let line = line.strip_prefix("        ").unwrap_or(line);
            written.extend(["// ", line, "\n"]);
        }
        let generated = pretty(&generated(tokens(arguments), tokens(block)));
        settings().bind(|| insta::assert_snapshot!(name, format!("{written}\n{generated}")));
    }
}

/// The user's block comes first, as it was written, without our attributes.
#[test]
fn the_whole() {
    let (_, arguments, block) = EXAMPLES[0];
    settings().bind(|| {
        let expanded = expand::blueprint(tokens(arguments), tokens(block));
        insta::assert_snapshot!("the_whole", pretty(&expanded));
    });
}

/// A stub stands in, so that what uses the blueprint has no errors of its own.
#[test]
fn a_broken_block() {
    let block = "impl Shop {
        #[step(tiemout = \"1s\")]
        async fn charge(&self, order: Order) -> Receipt { body }
    }";
    settings().bind(|| {
        let expanded = expand::blueprint(TokenStream::new(), tokens(block));
        insta::assert_snapshot!("a_broken_block", pretty(&expanded));
    });
}

/// The enum that a conditional block is turned into.
pub(super) fn probe(generated: TokenStream) -> Option<syn::ItemEnum> {
    let items = syn::parse2::<syn::File>(generated).ok()?.items;
    let block = items.into_iter().find_map(|item| match item {
        Item::Const(item) => Some(*item.expr),
        _ => None,
    })?;
    let Expr::Block(block) = block else {
        return None;
    };
    block.block.stmts.into_iter().find_map(|stmt| match stmt {
        Stmt::Item(Item::Enum(item)) => Some(item),
        _ => None,
    })
}

/// As rustc hands it to the derive where the first `cfg` holds and the second does not.
#[test]
fn what_is_left_of_a_conditional_block() {
    let (_, arguments, block) = EXAMPLES[8];
    let mut probe = probe(generated(tokens(arguments), tokens(block))).unwrap();
    probe
        .attrs
        .retain(|attribute| !attribute.path().is_ident("derive"));
    let kept = probe
        .variants
        .into_iter()
        .enumerate()
        .filter(|(index, _)| *index != 1);
    probe.variants = kept
        .map(|(_, mut variant)| {
            variant
                .attrs
                .retain(|attribute| !attribute.path().is_ident("cfg"));
            for attribute in &mut variant.attrs {
                if attribute.path().is_ident("cfg_attr") {
                    *attribute = syn::parse_quote!(#[step(retry = 1)]);
                }
            }
            variant
        })
        .collect();
    settings().bind(|| {
        let expanded = expand::probed(probe.into_token_stream());
        insta::assert_snapshot!("what_is_left_of_a_conditional_block", pretty(&expanded));
    });
}

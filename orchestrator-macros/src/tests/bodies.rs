//! While a body is half-typed, an editor still completes in it: the block is emitted with the body as
//! it stands, and the pipeline is whole.

use std::str::FromStr as _;

use proc_macro2::TokenStream;
use proptest::prelude::*;

use super::{generated, tokens};
use crate::expand;

/// A block with this in the body of its first step.
fn block(body: &str) -> String {
    written("#[step(timeout = \"1s\")]", "#[step]", body)
}

/// The block as it is to be emitted: with what is added to a step in the place of its mark.
fn emitted(body: &str) -> String {
    const BY_VALUE: &str = "#[allow(
        clippy::needless_pass_by_value,
        clippy::unused_async,
        clippy::unused_self
    )]";
    const BY_REFERENCE: &str = "#[allow(
        clippy::borrowed_box,
        clippy::ptr_arg,
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_async,
        clippy::unused_self
    )]";
    written(BY_VALUE, BY_REFERENCE, body)
}

fn written(first: &str, second: &str, body: &str) -> String {
    format!(
        "impl Shop {{
            {first}
            async fn charge(&self, order: Order) -> anyhow::Result<Receipt> {{ {body} }}
            {second}
            async fn print(&self, receipt: &Receipt) {{}}
        }}"
    )
}

fn assert_whole(body: &str) {
    let expanded = expand::blueprint(TokenStream::new(), tokens(&block(body))).to_string();
    let emitted = tokens(&emitted(body)).to_string();
    assert!(
        expanded.starts_with(&emitted),
        "{body}\n became\n{expanded}"
    );
    let of = |body| generated(TokenStream::new(), tokens(&block(body))).to_string();
    assert_eq!(of(body), of(""), "{body}");
}

#[test]
fn a_half_typed_body_leaves_the_block_and_the_pipeline_whole() {
    for body in [
        "order.",
        "self.",
        "self.client.post(order.).await",
        "let receipt = ",
        "let receipt: = order;",
        "match order { Order:: }",
        "if order. {",
        "for x in { }",
        "Receipt { number: order. }",
        "order.number.",
        "Receipt::",
        "|order| order.",
        "#[",
        "fn",
        "async move { order. }.await?",
        "/ *",
        "#[step] async fn inner(&self) {}",
        "'a: loop { break 'a order. }",
    ] {
        // An editor closes what is left open before it expands macros.
        let body = &close(body);
        assert_whole(body);
    }
}

/// With the brackets closed that are left open.
fn close(body: &str) -> String {
    let mut open = Vec::new();
    for c in body.chars() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    let closing: String = open.into_iter().rev().collect();
    format!("{body}{closing}")
}

proptest! {
    #[test]
    fn whatever_stands_in_a_body_stays_there(
        words in proptest::collection::vec("[a-z]{1,3}|[.,;:=<>&|!?#*+-]|[0-9]|\"x\"|fn|async|impl|#\\[step\\]|\\(\\)|\\{\\}|\\[\\]", 0..12)
    ) {
        let body = words.join(" ");
        prop_assume!(TokenStream::from_str(&block(&body)).is_ok());
        assert_whole(&body);
    }
}

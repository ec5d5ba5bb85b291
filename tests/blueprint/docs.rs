//! The doc comment of a step is in `STEPS`, however it is written.

use orchestrator::{Blueprint, blueprint};

struct Documented;

#[blueprint]
impl Documented {
    /**
     * The first line.
     *
     * And another.
     */
    #[step]
    async fn block(&self) {}

    #[doc = concat!("Made of ", "two.")]
    #[step]
    async fn made(&self) {}

    /// Before.
    #[doc = concat!("Within ", 1, ".")]
    /// After.
    #[step]
    async fn mixed(&self) {}

    #[step]
    async fn without(&self) {}
}

#[test]
fn a_block_comment_has_no_column_of_stars() {
    assert_eq!(
        Documented::STEPS[0].doc(),
        "The first line.\n\nAnd another."
    );
}

#[test]
fn a_comment_may_be_made_by_a_macro() {
    assert_eq!(Documented::STEPS[1].doc(), "Made of two.");
    assert_eq!(Documented::STEPS[2].doc(), "Before.\nWithin 1.\nAfter.");
}

#[test]
fn no_comment_is_an_empty_one() {
    assert_eq!(Documented::STEPS[3].doc(), "");
}

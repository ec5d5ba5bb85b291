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

    /** Items:
     * one
     **bold** text
     */
    #[step]
    async fn starred_in_part(&self) {}

    #[doc = "Code:\n    let indented = 1;\n"]
    #[step]
    async fn indented(&self) {}
}

macro_rules! documented {
    ($name:ident, $doc:expr) => {
        struct $name;

        #[blueprint]
        impl $name {
            #[doc = $doc]
            #[step]
            async fn only(&self) {}
        }
    };
}

documented!(ByMacro, concat!("  By a", " macro.\n\n"));

#[test]
fn stars_that_are_no_column_stay() {
    assert!(Documented::STEPS[4].doc().contains("**bold** text"));
    assert!(Documented::STEPS[4].doc().contains("* one"));
}

#[test]
fn indentation_stays() {
    assert_eq!(Documented::STEPS[5].doc(), "Code:\n    let indented = 1;");
}

#[test]
fn a_comment_may_come_from_a_macro_and_is_trimmed() {
    assert_eq!(ByMacro::STEPS[0].doc(), "By a macro.");
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

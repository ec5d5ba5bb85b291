//! What rustc says of a blueprint that is wrong: one case a file in `ui/`, its words beside it.
//!
//! `TRYBUILD=overwrite cargo test -p orchestrator-tests --test ui` writes the words anew.

use std::process::Command;

/// The words are those of this compiler; another's differ in punctuation and notes.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    if is_compiler() {
        cases.compile_fail("ui/*.rs");
    } else {
        println!("skipped: the words in tests/ui/*.stderr are those of {COMPILER}x");
    }
}

fn is_compiler() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(COMPILER.as_bytes()))
}

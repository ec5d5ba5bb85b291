//! Runs the tests in the example `crawler`, which needs paused time for them, and the program itself.

#![allow(
    dead_code,
    reason = "the tests call parts of the program, not the whole"
)]

#[path = "../examples/crawler.rs"]
mod crawler;

#[test]
fn the_program_ends_in_peace_when_its_reader_goes_away() {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(std::path::Path::parent).unwrap();
    let program = profile.join("examples/crawler");
    let mut running = std::process::Command::new(&program)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run `cargo test --workspace`",
                program.display()
            )
        });
    drop(running.stdout.take());
    let done = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

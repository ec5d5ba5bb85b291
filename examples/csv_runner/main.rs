//! csv
fn main() {}

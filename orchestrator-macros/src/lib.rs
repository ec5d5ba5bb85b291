//! The attribute `#[blueprint]` of the crate `orchestrator`.

use proc_macro::TokenStream;

/// Turns an `impl` block of annotated async fns into a pipeline of steps.
#[proc_macro_attribute]
pub fn blueprint(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

//! The attribute `#[blueprint]` of the crate `orchestrator`.

mod attributes;
mod durable;
mod duration;
mod entries;
mod errors;
mod expand;
mod model;
mod options;
mod parse;
mod run;
mod signature;
mod suggest;
#[cfg(test)]
mod tests;
mod types;

use proc_macro::TokenStream;

/// Turns an `impl` block of annotated async fns into a pipeline of steps.
#[proc_macro_attribute]
pub fn blueprint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::blueprint(arguments.into(), item.into()).into()
}

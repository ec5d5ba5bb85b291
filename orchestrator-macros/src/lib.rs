//! The attribute `#[blueprint]` of the crate `orchestrator`, which is where to use it from.
//!
//! # Layout
//!
//! What the user wrote goes through three stages, each of which knows nothing of the next:
//!
//! * `parse` takes the tokens apart (`attributes`, `conditions`, `docs`, `lints`, `entries`);
//! * `model` makes a checked pipeline of them (`signature`, `types`, `kept`, `generics`, and for the
//!   options `options`, `values`, `duration`, `rate`);
//! * `expand` writes code from the model alone (`names`, `clauses`, `info`, `checks`, `run`, `arm`,
//!   `expressions`, `durable`).
//!
//! Where a step hangs on a `cfg`, a `probe` stands between the first stage and the second.
//!
//! `reference.md` is what users read of the attribute.
//!
//! Every stage adds what it finds wrong to the same `Errors`.

mod arm;
mod attributes;
mod checks;
mod clauses;
mod conditions;
mod docs;
mod durable;
mod duration;
mod entries;
mod errors;
mod expand;
mod expressions;
mod generics;
mod info;
mod kept;
mod lints;
mod model;
mod names;
mod options;
mod parse;
mod probe;
mod rate;
mod run;
mod signature;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod values;

use proc_macro::TokenStream;

#[doc = include_str!("reference.md")]
#[proc_macro_attribute]
pub fn blueprint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::blueprint(arguments.into(), item.into()).into()
}

/// Makes the pipeline of a block whose steps hang on a `cfg`. Not for anybody else.
#[doc(hidden)]
#[proc_macro_derive(Conditional, attributes(__step, __delay, __block, __signature))]
pub fn conditional(probe: TokenStream) -> TokenStream {
    expand::probed(probe.into()).into()
}

//! No lint fires in generated code. That this compiles is the test.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    nonstandard_style,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    let_underscore_drop,
    explicit_outlives_requirements,
    elided_lifetimes_in_paths,
    ambiguous_negative_literals,
    redundant_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arbitrary_source_item_ordering,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::impl_trait_in_params,
    clippy::min_ident_chars,
    clippy::missing_inline_in_public_items,
    clippy::multiple_inherent_impl,
    clippy::pattern_type_mismatch,
    clippy::redundant_pub_crate,
    clippy::question_mark_used,
    clippy::ref_patterns,
    clippy::same_name_method,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_core,
    clippy::implicit_return,
    clippy::missing_docs_in_private_items,
    clippy::missing_trait_methods,
    clippy::unwrap_used
)]
#![expect(
    clippy::implicit_return,
    clippy::arbitrary_source_item_ordering,
    clippy::absolute_paths,
    reason = "the test's own code"
)]

use core::ops::ControlFlow;
use core::time::Duration;

use orchestrator::{Rate, StepContext, blueprint};

/// A payload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Payload {
    /// Its number.
    pub number: u32,
}

/// A blueprint with all there is.
#[derive(Debug)]
#[non_exhaustive]
pub struct Linted<T> {
    /// What is asked.
    asked: T,
    /// How often.
    often: Rate,
    /// How many.
    most: usize,
}

#[blueprint(name = "linted")]
impl<T: Send + Sync + Clone + core::fmt::Debug> Linted<T> {
    /// By value.
    #[step(timeout = "1s", retry(times = 2, backoff = "1ms", when = Self::worth_it))]
    async fn by_value(&self, payload: Payload) -> Result<(Payload, T), core::fmt::Error> {
        Ok((payload, self.asked.clone()))
    }

    /// By reference.
    #[step(retry = 2, timeout = Duration::from_secs(1))]
    async fn by_reference(&self, pair: &(Payload, T)) -> Result<(), core::fmt::Error> {
        if pair.0.number == 0 {
            return Err(core::fmt::Error);
        }
        Ok(())
    }

    /// With bounds, and a way out before the end.
    #[step(limit = self.most, rate = self.often, name = "may-end")]
    async fn may_end(&self, pair: &(Payload, T), cx: &StepContext) -> ControlFlow<(Payload, T)> {
        if pair.0.number == cx.attempt() {
            return ControlFlow::Break(pair.clone());
        }
        ControlFlow::Continue(())
    }

    /// The same in a `Result`, by value.
    #[step(limit = 3, rate = "100/s", timeout = "1s", retry = 1)]
    async fn may_end_or_fail(
        &self,
        pair: (Payload, T),
    ) -> Result<ControlFlow<(Payload, T), (Payload, T)>, core::fmt::Error> {
        Ok(ControlFlow::Continue(pair))
    }

    /// A pause.
    #[delay]
    const fn pause(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Without a value.
    #[step]
    async fn nothing(&self) {}

    /// The end.
    #[delay]
    async fn end(&self, _: &(Payload, T)) -> Duration {
        Duration::ZERO
    }

    /// Whether it is worth it.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "`when` asks for it")]
    const fn worth_it(_: &core::fmt::Error) -> bool {
        true
    }
}

/// Steps that hang on a `cfg`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Conditional;

#[blueprint]
impl Conditional {
    /// There.
    #[cfg(test)]
    #[step(limit = 1)]
    async fn first(&self, payload: Payload) -> Result<ControlFlow<u32, u32>, core::fmt::Error> {
        Ok(ControlFlow::Break(payload.number))
    }

    /// Not there.
    #[cfg(not(test))]
    #[step]
    async fn first(&self, payload: Payload) -> u64 {
        payload.number.into()
    }

    /// Marked.
    #[cfg_attr(test, step(timeout = "1s"))]
    async fn second(&self, number: &u32) {
        let _: &u32 = number;
    }
}

/// What nobody may allow.
#[forbid(dead_code, deprecated, unused_variables)]
pub mod forbidding {
    use orchestrator::blueprint;

    /// A blueprint.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Forbidding;

    #[blueprint]
    impl Forbidding {
        /// There.
        #[cfg(test)]
        #[step(timeout = "1s", retry = 1)]
        async fn first(&self, number: u8) -> Result<u16, core::fmt::Error> {
            Ok(number.into())
        }

        /// Observes.
        #[step]
        async fn second(&self, _: &u16) {}
    }

    /// Another, without a `cfg`.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Unconditional;

    #[blueprint]
    impl Unconditional {
        /// There.
        #[step]
        async fn first(&self, number: u8) -> u16 {
            number.into()
        }
    }
}

/// What has to do with references is forbidden to allow, where there are none.
#[forbid(
    clippy::borrowed_box,
    clippy::ptr_arg,
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref
)]
pub mod without_references {
    use orchestrator::blueprint;

    /// A blueprint.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct WithoutReferences;

    #[blueprint]
    impl WithoutReferences {
        /// By value.
        #[step]
        async fn first(&self, number: u8) -> u16 {
            number.into()
        }
    }
}

/// What is silenced for a step or for the block is silenced for what is generated of it.
pub mod silenced {
    use core::time::Duration;

    use orchestrator::blueprint;

    /// A payload that is not to be used any more.
    #[deprecated]
    #[derive(Debug, Clone, Copy)]
    #[non_exhaustive]
    pub struct Old;

    /// What is silenced on a step.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct OnSteps;

    #[blueprint]
    impl OnSteps {
        /// Its types are of a kind that clippy would have otherwise.
        #[step]
        #[expect(clippy::vec_box, reason = "the test's subject")]
        async fn types(&self, boxes: Vec<Box<u8>>) -> std::collections::LinkedList<Box<u8>> {
            boxes.into_iter().collect()
        }

        /// An intricate type.
        #[step]
        #[cfg_attr(test, expect(clippy::linkedlist, reason = "the test's subject"))]
        async fn intricate(
            &self,
            boxes: std::collections::LinkedList<Box<u8>>,
        ) -> Result<
            Option<Box<dyn Fn(Vec<Option<Box<u8>>>) -> Option<Vec<u8>> + Send>>,
            core::fmt::Error,
        > {
            let first = boxes.into_iter().next().map(|byte| *byte);
            Ok(Some(Box::new(move |_| first.map(|byte| vec![byte]))))
        }

        /// A deprecated payload.
        #[step]
        #[expect(deprecated, clippy::type_complexity, reason = "the test's subject")]
        async fn old(
            &self,
            _make: Option<Box<dyn Fn(Vec<Option<Box<u8>>>) -> Option<Vec<u8>> + Send>>,
        ) -> Old {
            Old
        }

        /// Deprecated where there is a `test`.
        #[cfg_attr(test, deprecated)]
        #[step]
        async fn last(&self) {}
    }

    /// What is silenced on the block.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct OnBlock;

    #[blueprint]
    #[expect(deprecated, reason = "the test's subject")]
    impl OnBlock {
        /// A deprecated payload.
        #[step]
        async fn old(&self, _old: Old) {}
    }

    /// What is silenced in the block.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct InBlock;

    #[blueprint]
    impl InBlock {
        #![expect(deprecated, reason = "the test's subject")]

        /// A deprecated payload.
        #[step]
        async fn old(&self, _old: Old) {}
    }

    /// With steps that hang on a `cfg`.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Conditional;

    #[blueprint]
    impl Conditional {
        /// A deprecated payload.
        #[cfg(test)]
        #[step]
        #[expect(deprecated, reason = "the test's subject")]
        async fn old(&self, _old: Old) -> Box<u8> {
            Box::new(1)
        }

        /// A reference that clippy would have otherwise.
        #[step]
        async fn boxed(&self, _: &Box<u8>) {}

        /// The same.
        #[step]
        async fn unboxed(&self, boxed: Box<u8>) -> Option<u8> {
            Some(*boxed)
        }

        /// The same.
        #[delay]
        fn option(&self, option: &Option<u8>) -> Duration {
            Duration::from_secs(option.unwrap_or_default().into())
        }
    }
}

/// Attributes of other crates.
#[derive(Debug)]
#[non_exhaustive]
pub struct Instrumented;

#[blueprint]
impl Instrumented {
    /// Above.
    #[tracing::instrument(skip(self))]
    #[step(timeout = "1s", retry = 1)]
    async fn above(&self, payload: Payload) -> Result<u32, core::fmt::Error> {
        Ok(payload.number)
    }

    /// Below.
    #[step]
    #[must_use]
    #[tracing::instrument(level = "debug", skip(self), ret)]
    async fn below(&self, number: u32) -> u64 {
        number.into()
    }

    /// Old.
    #[deprecated]
    #[step]
    async fn old(&self, _number: &u64) {}
}

/// The same without parameters.
#[derive(Debug)]
pub(crate) struct Plain;

#[blueprint]
impl Plain {
    /// By value.
    #[step(timeout = "1s", retry = 2)]
    async fn transform(&self, payload: Payload) -> Result<u8, core::fmt::Error> {
        u8::try_from(payload.number).map_err(|_| core::fmt::Error)
    }
}

#[test]
fn linted_code_is_used() {
    let linted = Linted {
        asked: 1,
        often: Rate::per_second(1),
        most: 1,
    };
    let _: (Linted<u8>, Plain, Conditional, Instrumented) =
        (linted, Plain, Conditional, Instrumented);
    let _: (forbidding::Forbidding, forbidding::Unconditional) =
        (forbidding::Forbidding, forbidding::Unconditional);
}

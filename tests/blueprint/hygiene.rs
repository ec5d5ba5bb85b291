//! Generated code hides nothing of the user's, and works wherever it comes from.

/// Option expressions see `self` and the user's items, and nothing of the generated code.
mod expressions {
    use std::time::Duration;

    use orchestrator::blueprint;

    const RETRY: u32 = 1;
    const VALUE: Duration = Duration::from_secs(5);

    pub(crate) struct Expressions {
        pub(crate) cx: Duration,
    }

    fn limit(value: &Expressions) -> Duration {
        value.cx
    }

    #[blueprint]
    impl Expressions {
        #[step(timeout = limit(self), retry(times = { let retry = RETRY; retry + 1 }, backoff = VALUE, when = |error| error.kind() == std::io::ErrorKind::Other))]
        async fn only(&self, value: u8) -> std::io::Result<u8> {
            Ok(value)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn option_expressions_see_what_the_user_sees() {
    let cx = std::time::Duration::from_secs(1);
    assert_eq!(
        crate::run(expressions::Expressions { cx }, 3)
            .await
            .unwrap(),
        3
    );
}

/// A blueprint that a `macro_rules` writes, with every kind of fragment.
mod generated {
    use orchestrator::blueprint;

    macro_rules! blueprint {
        ($name:ident, $payload:ty, $timeout:literal, $times:expr, $step:ident, $body:block, $vis:vis) => {
            pub(crate) struct $name(pub(crate) u32);

            #[blueprint]
            impl $name {
                #[step(timeout = $timeout, retry(times = $times, backoff = $timeout, max = $timeout))]
                $vis async fn $step(&self, value: $payload) -> anyhow::Result<$payload> {
                    let _ = self.0;
                    let _: () = $body;
                    Ok(value)
                }

                #[step(retry = self.0)]
                async fn look(&self, _: &$payload) -> anyhow::Result<()> {
                    Ok(())
                }

                #[step]
                async fn again(&self, value: $payload) -> $payload {
                    value
                }
            }
        };
    }

    blueprint!(First, Vec<u8>, "1s", 2, go, {}, pub(crate));
    blueprint!(Second, (u8, String), "1h", { 1 + 1 }, run, {}, pub(super));

    macro_rules! whole {
        ($item:item) => {
            #[blueprint]
            $item
        };
    }

    pub(crate) struct Whole;

    whole! {
        impl Whole {
            #[step(timeout = "1s")]
            async fn only(&self, value: u8) -> u8 {
                value
            }
        }
    }

    macro_rules! for_type {
        ($ty:ty) => {
            #[blueprint]
            impl $ty {
                #[step]
                async fn only(&self, value: u8) -> (u8, Option<Box<Self>>) {
                    (value, None)
                }
            }
        };
    }

    pub(crate) struct Typed;

    for_type!(Typed);
}

#[tokio::test(start_paused = true)]
async fn a_macro_can_write_blueprints() {
    use generated::{First, Second, Typed, Whole};

    assert_eq!(crate::run(First(1), vec![1]).await.unwrap(), [1]);
    let pair = (1, "a".to_owned());
    assert_eq!(crate::run(Second(1), pair.clone()).await.unwrap(), pair);
    assert_eq!(crate::run(Whole, 1).await.unwrap(), 1);
    assert_eq!(crate::run(Typed, 1).await.unwrap().0, 1);
}

/// Marks that a `macro_rules` was given as `meta`, and constants with the names of locals.
mod metas {
    use orchestrator::blueprint;

    #[expect(
        non_upper_case_globals,
        reason = "what is generated has locals of these names"
    )]
    mod lower {
        pub(super) const value: u8 = 3;
        pub(super) static state: u8 = 4;
        #[expect(non_camel_case_types, reason = "as above")]
        pub(super) struct limit;
        #[expect(non_camel_case_types, reason = "as above")]
        pub(super) struct returned;
    }
    use lower::{limit, returned, state, value};

    macro_rules! blueprint {
        ($name:ident { $($(#[$meta:meta])* fn $step:ident($value:ident: $takes:ty) -> $yields:ty $body:block)* }) => {
            #[blueprint]
            impl $name {
                $($(#[$meta])* async fn $step(&self, $value: $takes) -> $yields $body)*
            }
        };
    }

    pub(crate) struct Metas;

    blueprint!(Metas {
        /// Documented.
        #[step(timeout = "1s", retry = 1)]
        fn first(number: u8) -> anyhow::Result<u16> {
            let _ = (limit, returned);
            Ok(u16::from(number) + u16::from(value))
        }

        #[cfg(not(test))]
        #[step]
        fn left_out(number: u16) -> Missing {
            Missing(number)
        }

        #[cfg(test)]
        #[step(limit = 1)]
        fn second(number: u16) -> anyhow::Result<u32> {
            Ok(u32::from(number) + u32::from(state))
        }
    });
}

#[tokio::test]
async fn a_macro_can_pass_marks_on() {
    use orchestrator::Blueprint;

    assert_eq!(crate::run(metas::Metas, 1).await.unwrap(), 8);
    assert_eq!(metas::Metas::STEPS[0].doc(), "Documented.");
    assert_eq!(metas::Metas::STEPS[0].timeout(), Some("1s"));
}

/// Attributes of the user's that matter for what is generated.
#[expect(clippy::mixed_attributes_style, reason = "both must be kept")]
mod attributes {
    use orchestrator::blueprint;

    #[deprecated]
    #[derive(Clone)]
    pub(crate) struct Old;

    pub(crate) struct Attributes;

    #[blueprint]
    #[allow(deprecated)]
    impl Attributes {
        #![allow(unused_mut)]

        #[step]
        #[must_use]
        #[inline]
        #[allow(unused_variables)]
        async fn first(&self, #[allow(unused)] value: u8) -> Old {
            Old
        }

        #[cfg(any())]
        fn left_out(&self) -> Nowhere {}

        #[step(retry(times = 1,))]
        async fn second(&self, _: Old) -> anyhow::Result<()> {
            Ok(())
        }
    }

    #[blueprint]
    #[cfg(any())]
    impl LeftOut {
        #[step]
        async fn first(&self, value: u8) {}
    }

    #[cfg(any())]
    #[blueprint]
    impl LeftOut {
        #[step]
        async fn first(&self, value: u8) {}
    }
}

#[tokio::test]
async fn attributes_are_kept() {
    crate::run(attributes::Attributes, 1).await.unwrap();
}

/// A crate that re-exports the runtime can write blueprints for those who do not depend on it.
mod reexported {
    pub(crate) use ::orchestrator as runtime;

    macro_rules! blueprint {
        ($name:ident) => {
            pub(crate) struct $name;

            #[runtime::blueprint(crate = $crate::hygiene::reexported::runtime)]
            impl $name {
                #[step(timeout = "1s", retry = 1)]
                async fn first(&self, value: u8) -> Result<u16, std::fmt::Error> {
                    Ok(value.into())
                }

                #[step]
                async fn second(&self, _: &u16) {}
            }
        };
    }

    blueprint!(Reexported);
}

#[tokio::test]
async fn a_macro_can_name_the_runtime() {
    let value = crate::run(reexported::Reexported, 1).await.unwrap();
    assert_eq!(value, 1);
}

/// Payloads with the names that generated items have elsewhere.
mod same_names {
    use orchestrator::blueprint;

    #[allow(non_camel_case_types)]
    #[derive(Debug, PartialEq)]
    pub(crate) struct __State(pub(crate) u8);
    #[allow(non_camel_case_types)]
    pub(crate) struct __Steps(pub(crate) u8);
    #[allow(non_camel_case_types)]
    pub(crate) struct __Link;

    #[blueprint]
    impl __Link {
        #[step]
        async fn first(&self, value: __State) -> __Steps {
            __Steps(value.0)
        }

        #[step]
        async fn second(&self, value: __Steps) -> Option<__State> {
            Some(__State(value.0))
        }
    }
}

#[tokio::test]
async fn generated_names_avoid_the_users() {
    use same_names::{__Link, __State};

    let value = crate::run(__Link, __State(7)).await.unwrap();
    assert_eq!(value, Some(__State(7)));
}

/// A trait for all types whose constant is called like those that others use.
mod blanket {
    use orchestrator::blueprint;

    pub(crate) trait Kind {
        const KIND: &'static str;
    }
    impl<T> Kind for T {
        const KIND: &'static str = "any";
    }

    pub(crate) struct Blanket;

    #[blueprint]
    impl Blanket {
        #[step]
        async fn first(&self, value: u8) -> std::io::Result<u16> {
            let _ = u8::KIND;
            Ok(value.into())
        }

        #[step]
        async fn second(&self, _: &u16) {}
    }
}

#[tokio::test]
async fn a_trait_for_all_types_is_in_nobodys_way() {
    assert_eq!(crate::run(blanket::Blanket, 1).await.unwrap(), 1);
}

/// Types of the user's that are called like those of the standard library.
mod borrowed_names {
    use std::marker::PhantomData;

    use orchestrator::blueprint;

    pub(crate) type Cow<T> = std::borrow::Cow<'static, T>;
    pub(crate) struct Tagged<T>(Cow<str>, PhantomData<fn(T)>);

    pub(crate) struct Borrowed;

    #[blueprint]
    impl Borrowed {
        #[step]
        async fn first(&self, _: u8) -> Cow<str> {
            "text".into()
        }

        #[step]
        async fn tagged(&self, text: Cow<str>) -> Tagged<Box<dyn Fn() -> u8>> {
            Tagged(text, PhantomData)
        }

        #[step]
        async fn untagged(&self, tagged: Tagged<Box<dyn Fn() -> u8>>) -> Cow<str> {
            tagged.0
        }
    }
}

#[tokio::test]
async fn a_name_of_the_standard_librarys_may_be_another_type() {
    assert_eq!(
        crate::run(borrowed_names::Borrowed, 1).await.unwrap(),
        "text"
    );
}

/// The runtime's path as a macro gets it.
mod runtime_as_path {
    macro_rules! blueprint {
        ($name:ident, $runtime:path) => {
            pub(crate) struct $name;

            #[orchestrator::blueprint(crate = $runtime)]
            impl $name {
                #[step]
                async fn first(&self, value: u8) -> u16 {
                    value.into()
                }
            }
        };
    }

    blueprint!(ByPath, ::orchestrator);
}

#[tokio::test]
async fn the_runtime_may_come_as_a_path() {
    assert_eq!(crate::run(runtime_as_path::ByPath, 1).await.unwrap(), 1);
}

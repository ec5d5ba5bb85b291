//! A crate without a prelude, whose items have the names that generated code could be tempted by. That
//! it compiles is most of the test.

#![no_implicit_prelude]

use ::orchestrator::blueprint;

// Names that generated code could be tempted by.
#[allow(dead_code)]
struct State;
#[allow(dead_code)]
struct Result;
#[allow(dead_code, non_camel_case_types)]
struct usize;
#[allow(dead_code, non_camel_case_types)]
struct u32;
#[allow(dead_code, non_camel_case_types)]
struct str;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Send;
#[allow(dead_code)]
struct Rate;
#[allow(dead_code)]
struct Bounds;
mod core {}
mod std {}
mod orchestrator {}
/// A module named like a step.
mod transform {
    pub(crate) struct Page;
    pub(crate) const TIMES: ::core::primitive::u32 = 1;
}

struct Bare {
    limit: ::core::time::Duration,
    rate: ::orchestrator::Rate,
    most: ::core::primitive::usize,
}

#[derive(::core::clone::Clone)]
struct Value(::core::primitive::u32);

#[blueprint(name = "bare")]
impl Bare {
    #[step(timeout = self.limit, retry(times = transform::TIMES, backoff = "1ms", when = |_| true), limit = self.most, rate = self.rate)]
    async fn transform(
        &self,
        value: Value,
        cx: &::orchestrator::StepContext,
    ) -> ::core::result::Result<transform::Page, ::orchestrator::__private::anyhow::Error> {
        let _ = (value, cx);
        ::core::result::Result::Ok(transform::Page)
    }

    #[step(limit = 3, rate = "100/s", name = "look")]
    async fn look(&self, _: &transform::Page) -> ::core::ops::ControlFlow<Value> {
        ::core::ops::ControlFlow::Continue(())
    }

    #[delay(name = "rest")]
    async fn rest(
        &self,
        _: &transform::Page,
    ) -> ::core::result::Result<::core::time::Duration, ::core::fmt::Error> {
        ::core::result::Result::Ok(self.limit)
    }

    #[step]
    async fn state(&self, _: transform::Page) -> State {
        State
    }

    #[step(timeout = "1s", retry = 1)]
    async fn value(
        &self,
        _: &State,
    ) -> ::core::result::Result<::core::ops::ControlFlow<Value>, ::core::fmt::Error> {
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(()))
    }

    #[step]
    async fn last(&self, _: State) -> Value {
        Value(9)
    }

    #[delay]
    fn end(&self) -> ::core::time::Duration {
        self.limit
    }
}

struct Generic<T, const N: ::core::primitive::usize>(T);

#[blueprint]
impl<T: ::core::clone::Clone, const N: ::core::primitive::usize> Generic<T, N> {
    #[step]
    async fn value(&self, value: T) -> [T; N] {
        [const { N }; N].map(|_| ::core::clone::Clone::clone(&value))
    }

    #[cfg(test)]
    #[step(limit = N)]
    async fn conditional(&self, values: &[T; N]) -> ::core::ops::ControlFlow<[T; N]> {
        let _ = values;
        ::core::ops::ControlFlow::Continue(())
    }
}

fn run<B: ::orchestrator::Blueprint>(blueprint: B, input: B::Input) -> B::Output {
    let mut builder = ::tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let task = ::orchestrator::Task::new(1, input);
        let results = ::orchestrator::Orchestrator::new(blueprint).execute_tasks([task]);
        results.await.unwrap().remove(0).outcome.unwrap()
    })
}

#[::core::prelude::v1::test]
fn it_needs_no_prelude() {
    let bare = Bare {
        limit: ::core::time::Duration::from_secs(1),
        rate: ::orchestrator::Rate::per_second(1),
        most: 1,
    };
    ::std::assert_eq!(run(bare, Value(1)).0, 9);
    ::std::assert_eq!(run(Generic::<_, 2>(1), 2), [2, 2]);
}

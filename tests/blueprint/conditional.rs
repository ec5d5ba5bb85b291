//! Steps that hang on a `cfg`.

use std::time::Duration;

use orchestrator::{Blueprint, StepContext, blueprint};

use crate::run;

fn names<B: Blueprint>() -> Vec<&'static str> {
    B::STEPS.iter().map(orchestrator::StepInfo::name).collect()
}

#[derive(Clone, Debug, PartialEq)]
struct Page(String);

/// One of two `first` is there, and `never` is not.
struct Conditional {
    limit: Duration,
}

#[blueprint(name = "conditional")]
impl Conditional {
    #[cfg(test)]
    #[step(timeout = self.limit, retry(times = 1, when = anyhow::Error::is::<std::fmt::Error>))]
    async fn first(&self, number: u32) -> anyhow::Result<Page> {
        Ok(Page(number.to_string()))
    }

    #[cfg(not(test))]
    #[step]
    async fn first(&self, number: u64) -> Missing {
        Missing(number)
    }

    #[step]
    #[cfg(not(test))]
    #[expect(clippy::nothing, reason = "is not there")]
    async fn never(&self, page: Missing) -> Missing {
        page
    }

    /// Always there.
    #[delay]
    fn pause(&self, _: &Page) -> Duration {
        self.limit
    }

    /// Its mark hangs on a `cfg`.
    #[cfg_attr(test, step(timeout = "1s"), inline, doc = "And more.")]
    async fn second(&self, page: &Page, cx: &StepContext) {
        assert_eq!((page.0.len(), cx.attempt()), (1, 1));
    }

    #[cfg_attr(not(test), step, nonsense)]
    #[allow(dead_code)]
    async fn no_step(&self, number: u64) -> u64 {
        number
    }

    #[cfg_attr(test, cfg(not(test)))]
    #[cfg_attr(test, cfg_attr(test, step))]
    async fn left_out_by_two(&self, page: Missing) -> Missing {
        page
    }

    #[cfg_attr(not(test), delay)]
    #[cfg_attr(test, cfg_attr(test, step, must_use))]
    async fn third(&self, page: Page) -> Vec<Page> {
        vec![page]
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_steps_that_are_there_are_run() {
    assert_eq!(
        names::<Conditional>(),
        ["first", "pause", "second", "third"]
    );
    let limit = Duration::from_secs(1);
    let pages = run(Conditional { limit }, 7).await.unwrap();
    assert_eq!(pages, [Page("7".to_owned())]);
}

#[test]
fn docs_and_options_come_along() {
    let second = Conditional::STEPS[2];
    assert_eq!(second.doc(), "Its mark hangs on a `cfg`.\nAnd more.");
    assert_eq!(second.timeout(), Some("1s"));
    assert_eq!(Conditional::NAME, "conditional");
}

#[test]
fn steps_that_hang_on_a_cfg_stay_ordinary_methods() {
    let conditional = Conditional {
        limit: Duration::ZERO,
    };
    assert_eq!(conditional.pause(&Page(String::new())), Duration::ZERO);
}

/// Nothing else tells that a `cfg` has a say.
struct LeftOut;

#[blueprint]
impl LeftOut {
    #[step]
    async fn there(&self, _: &u8) {}

    #[cfg_attr(test, cfg(not(test)))]
    #[step]
    async fn gone(&self, number: u8) -> Missing {
        Missing(number)
    }
}

#[tokio::test]
async fn a_cfg_in_a_cfg_attr_leaves_a_step_out() {
    assert_eq!(names::<LeftOut>(), ["there"]);
    assert_eq!(run(LeftOut, 7).await.unwrap(), 7);
}

/// With parameters, by a macro.
struct Generic<T, const N: usize>(T);

macro_rules! conditional {
    ($name:ident, $limit:expr, $value:ty, $condition:meta) => {
        #[blueprint]
        impl<T: Clone + PartialEq + std::fmt::Debug, const N: usize> $name<T, N>
        where
            Self: Sized,
        {
            #[cfg($condition)]
            #[step(limit = $limit, timeout = Self::limit(self))]
            async fn array(&self, value: $value) -> anyhow::Result<[T; N]> {
                anyhow::ensure!(value == self.0);
                Ok([const { N }; N].map(|_| value.clone()))
            }

            #[cfg(not($condition))]
            #[step]
            async fn array(&self, value: $value) {}

            fn limit(&self) -> Duration {
                let _ = &self.0;
                Duration::from_secs(1)
            }

            #[step]
            async fn look(&self, array: &[T; N]) {
                assert_eq!(array.len(), N);
            }
        }
    };
}

conditional!(Generic, 2 + 2, T, test);

#[tokio::test(start_paused = true)]
async fn a_generic_blueprint_that_a_macro_writes_may_hang_on_a_cfg() {
    assert_eq!(run(Generic::<_, 3>(7), 7).await.unwrap(), [7; 3]);
}

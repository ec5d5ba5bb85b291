//! Blueprints over type and const parameters.

use std::fmt::Debug;
use std::time::Duration;

use orchestrator::{Blueprint, blueprint};

use crate::run;

/// Where a blueprint gets its values from.
trait Source {
    type Item: Debug;
    type Error: Into<anyhow::Error>;

    fn get(&self, key: &str) -> impl Future<Output = Result<Self::Item, Self::Error>> + Send;
}

struct Memory(u32);

impl Source for Memory {
    type Item = u32;
    type Error = std::fmt::Error;

    async fn get(&self, key: &str) -> Result<u32, std::fmt::Error> {
        tokio::task::yield_now().await;
        if key.is_empty() {
            return Err(std::fmt::Error);
        }
        Ok(self.0)
    }
}

struct Fetch<S, const N: usize> {
    source: S,
}

#[blueprint]
impl<S: Source, const N: usize> Fetch<S, N>
where
    S::Item: PartialEq<u32>,
{
    #[step(timeout = "1s")]
    async fn get(&self, key: String) -> Result<S::Item, S::Error> {
        self.source.get(&key).await
    }

    #[delay]
    fn settle(&self) -> Duration {
        Duration::from_millis(1)
    }

    #[step]
    async fn check(&self, item: &S::Item) -> anyhow::Result<()> {
        anyhow::ensure!(*item == 4, "{item:?} is not 4");
        Ok(())
    }

    #[step]
    async fn repeat(&self, item: S::Item) -> ([u8; N], Vec<S::Item>, Option<Box<Self>>) {
        ([0; N], vec![item], None)
    }
}

#[tokio::test(start_paused = true)]
async fn a_generic_blueprint_runs() {
    let fetch = |value| Fetch::<_, 3> {
        source: Memory(value),
    };
    let (zeros, items, _) = run(fetch(4), "key".to_owned()).await.unwrap();
    assert_eq!((zeros, items), ([0; 3], vec![4]));
    let error = run(fetch(5), "key".to_owned()).await.err().unwrap();
    assert_eq!(error.to_string(), "check: 5 is not 4 (1 attempt)");
    assert_eq!(Fetch::<Memory, 3>::NAME, "Fetch");
    assert_eq!(Fetch::<Memory, 3>::STEPS[1].takes(), "u32");
}

struct Pass<T: ?Sized, U>(Box<T>, U);

#[blueprint]
impl<T: ?Sized + Send + Sync, U> Pass<T, Vec<U>>
where
    Self: Debug,
    U: Clone + Default,
{
    #[step(retry = 1)]
    async fn pass(&self, value: Vec<U>) -> anyhow::Result<Vec<U>> {
        Ok(value)
    }

    #[step]
    async fn keep(&self, value: Vec<U>) -> Vec<U> {
        let _ = (&self.0, &self.1);
        value
    }

    #[delay]
    async fn end(&self, value: &Vec<U>) -> Duration {
        Duration::from_secs(value.len() as u64)
    }
}

impl<T: ?Sized, U> Debug for Pass<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pass")
    }
}

#[tokio::test(start_paused = true)]
async fn parameters_may_be_unsized_and_bounded_by_self() {
    let text: Box<str> = "x".into();
    assert_eq!(run(Pass(text, vec![1]), vec![2, 3]).await.unwrap(), [2, 3]);
}

struct Sized_<const N: usize>;

#[blueprint]
impl<const N: usize> Sized_<N> {
    const DOUBLE: usize = N * 2;

    #[step]
    async fn fill(&self, byte: u8) -> [u8; N] {
        assert_eq!(Self::DOUBLE, N + N);
        [byte; N]
    }
}

#[tokio::test]
async fn const_parameters_alone() {
    assert_eq!(run(Sized_::<2>, 7).await.unwrap(), [7, 7]);
}

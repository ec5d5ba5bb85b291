//! Blueprints over type and const parameters.

use std::any::Any;
use std::fmt::Debug;
use std::pin::Pin;
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

struct Last<T>(fn(u8) -> T);

#[blueprint]
impl<T> Last<T> {
    #[step]
    async fn make(&self, value: u8) -> anyhow::Result<Option<T>> {
        Ok(Some((self.0)(value)))
    }
}

#[tokio::test]
async fn an_output_by_projection() {
    let value = run(Last(u16::from), 7).await.unwrap();
    assert_eq!(value, Some(7));
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Objects<T>(T);

#[blueprint]
impl<T: Clone + Send + Sync + 'static> Objects<T> {
    #[step(timeout = "1s")]
    async fn promise(&self, (): ()) -> Pin<Box<dyn Future<Output = T> + Send>> {
        let value = self.0.clone();
        Box::pin(async { value })
    }

    #[step]
    async fn keep(&self) {
        tokio::task::yield_now().await;
    }

    #[step]
    async fn resolve(&self, promise: Boxed<T>) -> Box<dyn Any + Send + Sync> {
        Box::new(promise.await)
    }

    #[step]
    async fn look(&self, value: &Box<dyn Any + Send + Sync>) {
        tokio::task::yield_now().await;
        assert!(value.is::<T>());
    }

    #[step]
    async fn back(
        &self,
        value: Box<dyn Any + Send + Sync>,
    ) -> (Option<T>, for<'a> fn(&'a str) -> &'a str) {
        (value.downcast_ref::<T>().cloned(), str::trim)
    }
}

#[tokio::test]
async fn payloads_with_trait_objects() {
    let (value, trim) = run(Objects(7), ()).await.unwrap();
    assert_eq!((value, trim(" x ")), (Some(7), "x"));
}

struct Partly<T, U>(T, U);

#[blueprint]
impl<T: Debug> Partly<T, Box<dyn Debug + Send + Sync>> {
    #[step(timeout = "1s")]
    async fn show(&self, (): ()) -> anyhow::Result<(String, Vec<T>)> {
        tokio::task::yield_now().await;
        Ok((format!("{:?} {:?}", self.0, self.1), Vec::new()))
    }
}

#[tokio::test]
async fn a_self_type_with_a_trait_object() {
    let object: Box<dyn Debug + Send + Sync> = Box::new("x");
    let (text, _) = run(Partly(1, object), ()).await.unwrap();
    assert_eq!(text, "1 \"x\"");
}

/// A type with lifetimes in it that are not to be seen, and one where they are.
struct Rule<T: ?Sized>(Box<T>);

type Double = dyn Fn(u8) -> u8 + Send + Sync;

#[blueprint]
impl Rule<Double> {
    #[step]
    async fn double(&self, value: u8) -> u8 {
        tokio::task::yield_now().await;
        (self.0)(value)
    }
}

#[blueprint]
impl Rule<dyn Fn(&str) -> usize + Send + Sync> {
    #[step(timeout = "1s")]
    async fn measure(&self, value: &String) {
        tokio::task::yield_now().await;
        assert_eq!((self.0)(value), 3);
    }
}

#[tokio::test]
async fn a_blueprint_over_a_trait_object() {
    let double: Rule<Double> = Rule(Box::new(|value| value * 2));
    assert_eq!(run(double, 4).await.unwrap(), 8);
    let measure: Rule<dyn Fn(&str) -> usize + Send + Sync> = Rule(Box::new(str::len));
    assert_eq!(run(measure, "abc".to_owned()).await.unwrap(), "abc");
}

//! Payloads that are trait objects or fn pointers, with and without a name for them: the lifetimes in
//! them are to be seen by nobody.

use std::any::Any;
use std::pin::Pin;

use orchestrator::blueprint;

use crate::run;

type Promise = Pin<Box<dyn Future<Output = u8> + Send>>;
type Thing = Box<dyn Any + Send + Sync>;
type Trim = fn(&str) -> &str;

struct Named;

#[blueprint]
impl Named {
    #[step(timeout = "1s")]
    async fn promise(&self, number: u8) -> Promise {
        Box::pin(async move { number })
    }

    #[step]
    async fn resolve(&self, promise: Promise) -> Thing {
        Box::new(promise.await)
    }

    #[step]
    async fn look(&self, value: &Thing) {
        tokio::task::yield_now().await;
        assert!(value.is::<u8>());
    }

    #[step]
    async fn pair(&self, value: Thing) -> (Option<u8>, Trim) {
        (value.downcast_ref().copied(), str::trim)
    }

    #[step]
    async fn look_again(&self, pair: &(Option<u8>, Trim)) {
        tokio::task::yield_now().await;
        assert_eq!((pair.1)(" x "), "x");
    }
}

#[tokio::test]
async fn payloads_may_be_trait_objects_by_another_name() {
    assert_eq!(run(Named, 7).await.unwrap().0, Some(7));
}

struct Spelled;

#[blueprint]
impl Spelled {
    #[step(timeout = "1s")]
    async fn promise(&self, number: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(async move { number })
    }

    #[step]
    async fn resolve(
        &self,
        promise: Pin<Box<dyn Future<Output = u8> + Send>>,
    ) -> Box<dyn Any + Send + Sync> {
        Box::new(promise.await)
    }

    #[step]
    async fn look(&self, value: &Box<dyn Any + Send + Sync>) {
        tokio::task::yield_now().await;
        assert!(value.is::<u8>());
    }

    #[step]
    async fn refer(&self, _: Box<dyn Any + Send + Sync>) -> &'static (dyn Any + Send + Sync) {
        &7_u8
    }

    #[step]
    async fn look_again(&self, value: &&'static (dyn Any + Send + Sync)) {
        tokio::task::yield_now().await;
        assert!(value.is::<u8>());
    }
}

#[tokio::test]
async fn payloads_may_be_trait_objects() {
    assert!(run(Spelled, 7).await.unwrap().is::<u8>());
}

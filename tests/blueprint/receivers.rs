//! `&self` in every way that it can be written.

use orchestrator::blueprint;

use crate::run;

struct Shop {
    price: u32,
}

#[blueprint]
#[expect(clippy::needless_arbitrary_self_type, reason = "the subject")]
impl Shop {
    #[step]
    async fn short(&self, value: u32) -> u32 {
        value + self.price
    }

    #[step]
    async fn typed(self: &Self, value: u32) -> u32 {
        value + self.price
    }

    #[step]
    async fn with_a_lifetime(self: &'_ Self, value: u32) -> u32 {
        value + self.price
    }

    #[step]
    async fn named(self: &Shop, value: u32) -> u32 {
        value + self.price
    }

    #[step]
    async fn short_with_a_lifetime(&'_ self, value: u32) -> u32 {
        value + self.price
    }
}

#[tokio::test]
async fn every_way_to_write_it_is_the_same() {
    assert_eq!(run(Shop { price: 2 }, 0).await.unwrap(), 10);
}

struct Generic<T>(T);

#[blueprint]
impl<T: Into<u32> + Copy + Send + Sync + 'static> Generic<T> {
    #[step]
    async fn named(self: &Generic<T>, value: u32) -> u32 {
        value + self.0.into()
    }
}

#[tokio::test]
async fn a_generic_type_can_be_named_too() {
    assert_eq!(run(Generic(1_u8), 1).await.unwrap(), 2);
}

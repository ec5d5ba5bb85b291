//! Payloads between steps may be more private than the blueprint.

use crate::run;

#[expect(unreachable_pub, reason = "as public as a test can be")]
mod shop {
    use orchestrator::blueprint;

    /// What is known of an order inside of the shop.
    struct Secret(u32);

    /// The only public name.
    pub struct Shop;

    trait Priced {}
    impl Priced for Secret {}

    #[blueprint]
    impl Shop {
        #[step]
        async fn look_up(&self, number: u32) -> anyhow::Result<Secret> {
            Ok(Secret(number + 1))
        }

        #[step(retry = 1)]
        async fn check(&self, secret: &Secret) -> anyhow::Result<()> {
            anyhow::ensure!(secret.0 > 0);
            Ok(())
        }

        #[step]
        async fn answer(&self, secret: Secret) -> u32 {
            secret.0 * 2
        }
    }

    /// A blueprint over a private bound.
    pub struct Bounded<T>(pub T);

    #[blueprint]
    #[allow(private_bounds)]
    impl<T: Priced + Send + Sync + 'static> Bounded<T> {
        #[step]
        async fn answer(&self, number: u32) -> u32 {
            let _ = &self.0;
            number
        }
    }

    /// One for the tests.
    pub fn bounded() -> Bounded<impl Send + Sync> {
        Bounded(Secret(1))
    }
}

#[tokio::test]
async fn a_public_blueprint_over_a_private_payload() {
    assert_eq!(run(shop::Shop, 1).await.unwrap(), 4);
    let _ = shop::bounded();
}

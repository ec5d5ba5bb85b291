//! `limit` and `rate` as the attribute hands them to the engine.

use orchestrator::{Blueprint, Bounds, Rate, blueprint, diagram};

const MOST: usize = 2;

struct Bounded {
    connections: usize,
    often: Rate,
}

#[blueprint]
impl Bounded {
    #[step(limit = 10, rate = "100/s")]
    async fn literals(&self, number: u32) -> u32 {
        number
    }

    #[step(limit = self.connections, rate = self.often)]
    async fn of_self(&self) {}

    #[step(limit = { MOST + 1 })]
    async fn of_a_constant(&self) {}

    #[step]
    async fn free(&self) {}
}

#[test]
fn the_attribute_says_what_bounds_each_step() {
    let bounded = Bounded {
        connections: 3,
        often: Rate::per_minute(6),
    };
    let bounds: Vec<_> = (0..4).map(|step| bounded.bounds(step)).collect();
    assert_eq!(
        bounds,
        [
            Bounds::none().limit(10).rate(Rate::per_second(100)),
            Bounds::none().limit(3).rate(Rate::per_minute(6)),
            Bounds::none().limit(3),
            Bounds::none(),
        ]
    );
}

#[test]
fn bounds_are_described_as_they_were_written() {
    let step = Bounded::STEPS[0];
    assert_eq!((step.limit(), step.rate()), (Some("10"), Some("100/s")));
    let picture = diagram::<Bounded>();
    assert!(
        picture.contains(r#""literals<br>limit = 10<br>rate = 100/s""#),
        "{picture}"
    );
}

use orchestrator::{Orchestrator, blueprint};

use std::fmt::Display;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn argument(&self, _: impl Display) {}

    #[step]
    async fn look(&self, _: &impl Display) {}

    #[step]
    async fn returned(&self, _: u8) -> impl Display {
        1
    }

    #[step]
    async fn inner(&self, _: u8) -> anyhow::Result<impl Display> {
        Ok(1)
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

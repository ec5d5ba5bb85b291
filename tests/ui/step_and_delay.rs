use orchestrator::{Orchestrator, blueprint};

use std::time::Duration;

struct P;

#[blueprint]
impl P {
    #[step]
    #[delay]
    async fn both(&self) -> Duration {
        Duration::ZERO
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

use orchestrator::{Orchestrator, blueprint};

use std::time::Duration;

struct P;

#[blueprint]
impl P {
    #[delay(timeout = "1s")]
    async fn with_options(&self) -> Duration {
        Duration::ZERO
    }

    #[delay]
    fn by_value(&self, value: String) -> Duration {
        drop(value);
        Duration::ZERO
    }

    #[delay]
    fn without_length(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

//! Each step goes by a name of its own.

use std::time::Duration;

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint(name = "")]
impl P {
    #[step(name = "fetch")]
    async fn first(&self) {}

    #[step(name = "fetch")]
    async fn second(&self) {}

    #[step]
    async fn third(&self) {}

    #[delay(name = "third")]
    fn fourth(&self) -> Duration {
        Duration::ZERO
    }

    #[step(name = "with a space")]
    async fn fifth(&self) {}

    #[step(name = sixth)]
    async fn sixth(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, ())]);
}

//! A rate is so many times in so much time.

use orchestrator::{Orchestrator, blueprint};

struct P {
    seconds: u32,
}

#[blueprint]
impl P {
    #[step(rate = 100)]
    async fn bare(&self) {}

    #[step(rate = "100")]
    async fn without_unit(&self) {}

    #[step(rate = "100/sec")]
    async fn slip(&self) {}

    #[step(rate = "0/s")]
    async fn never(&self) {}

    #[step(rate = "fast")]
    async fn word(&self) {}

    #[step(rate = 1.5)]
    async fn fraction(&self) {}

    #[step(rate)]
    async fn nothing(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P { seconds: 1 }).execute_tasks([orchestrator::Task::new(1, ())]);
}

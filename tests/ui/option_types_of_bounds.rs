//! Bounds that are expressions are of type `usize` and `Rate`.

use std::time::Duration;

use orchestrator::{Orchestrator, blueprint};

struct P {
    most: u64,
    often: Duration,
}

#[blueprint]
impl P {
    #[step(limit = self.most, rate = self.often)]
    async fn only(&self) {}
}

fn main() {
    let p = P { most: 1, often: Duration::ZERO };
    let _ = Orchestrator::new(p).execute_tasks([orchestrator::Task::new(1, ())]);
}

//! A limit is how many tasks are in the step at once.

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(limit = 0)]
    async fn none(&self) {}

    #[step(limit = (0))]
    async fn none_in_parentheses(&self) {}

    #[step(limit = -1)]
    async fn negative(&self) {}

    #[step(limit = "10")]
    async fn text(&self) {}

    #[step(limit = 10u32)]
    async fn narrow(&self) {}

    #[step(limit(10))]
    async fn list(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, ())]);
}

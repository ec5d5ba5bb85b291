//! A `ControlFlow` that goes by another name would flow on as a value.

use orchestrator::{Orchestrator, blueprint};

type Decision = std::ops::ControlFlow<u8, u8>;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn decide(&self, _: u8) -> Decision {
        Decision::Break(1)
    }
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, 1)]);
}

//! What goes on with a value takes one, and a delay only says how long.

use std::ops::ControlFlow;
use std::time::Duration;

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn look(&self, _: &u8) -> ControlFlow<u8, u8> {
        ControlFlow::Continue(1)
    }

    #[delay]
    fn pause(&self) -> ControlFlow<u8, Duration> {
        ControlFlow::Break(1)
    }

    #[delay]
    fn try_pause(&self) -> anyhow::Result<ControlFlow<u8, Duration>> {
        Ok(ControlFlow::Break(1))
    }
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, 1)]);
}

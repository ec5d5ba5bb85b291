//! What a step's `Result` holds may be a `ControlFlow` by name only: under another, it would flow on.

use std::ops::ControlFlow as CF;

use orchestrator::{Orchestrator, blueprint};

type Decision = CF<u8, u8>;

mod my {
    pub type Result<T> = std::io::Result<std::ops::ControlFlow<u8, T>>;
}

struct P;

#[blueprint]
impl P {
    #[step]
    async fn decide(&self, _: u8) -> anyhow::Result<Decision> {
        Ok(CF::Break(1))
    }

    #[step]
    async fn again(&self, _: u8) -> anyhow::Result<CF<u8, u8>> {
        Ok(CF::Break(1))
    }

    #[step]
    async fn by_the_name_of_result(&self, _: u8) -> my::Result<u8> {
        Ok(CF::Break(1))
    }
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, 1)]);
}

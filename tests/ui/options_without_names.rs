//! One sentence for a list without names.

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(retry(3, "200ms"))]
    async fn retried(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step("10s", 3)]
    async fn timed(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, ())]);
}

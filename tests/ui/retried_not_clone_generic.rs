//! The bound that is missing is proposed, and no trait of the runtime's own.

use orchestrator::{Orchestrator, blueprint};

struct P<T>(T);

#[blueprint]
impl<T: Send + Sync + 'static> P<T> {
    #[step(retry = 1)]
    async fn fails(&self, _: Vec<T>) -> anyhow::Result<u8> {
        Ok(1)
    }
}

fn main() {
    let _ = Orchestrator::new(P(1));
}

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(timeout = "1s", retry = 2, timeout = "2s")]
    async fn twice(&self) {}

    #[step(retry(times = 1, times = 2))]
    async fn inner(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step]
    #[step]
    async fn marked(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

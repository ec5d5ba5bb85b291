use orchestrator::{Orchestrator, blueprint};

struct P {
    seconds: u64,
}

#[blueprint]
impl P {
    #[step(timeout = self.seconds)]
    async fn wait(&self) {}

    #[step(retry = self.seconds)]
    async fn count(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry(times = 1, backoff = self.seconds, max = self.nothing, when = |e| e.is_timeout()))]
    async fn pauses(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P { seconds: 1 });
}

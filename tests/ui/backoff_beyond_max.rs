use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(retry(times = 2, backoff = "1m"))]
    async fn unless_given(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry(times = 2, max = "1s", backoff = "1001ms"))]
    async fn given(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry(times = 2, backoff = "1m", max = "1m"))]
    async fn as_long(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

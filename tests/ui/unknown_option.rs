use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(tiemout = "10s")]
    async fn slip(&self) {}

    #[step(throttle = 3)]
    async fn unheard_of(&self) {}

    #[step(retry = 2, backoff = "1s")]
    async fn outer(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry(times = 2, back_off = "1s"))]
    async fn inner(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

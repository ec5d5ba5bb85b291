use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(timeout = 10)]
    async fn which_unit(&self) {}

    #[step(timeout = 10s)]
    async fn no_quotes(&self) {}

    #[step(timeout = "10")]
    async fn none(&self) {}

    #[step(timeout = "10 sec")]
    async fn unknown(&self) {}

    #[step(timeout = "soon")]
    async fn no_number(&self) {}

    #[step(timeout = "0s")]
    async fn zero(&self) {}

    #[step(timeout = true)]
    async fn of_another_kind(&self) {}

    #[step(retry(times = 1, backoff = 200, max = "30m1h"))]
    async fn inner(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

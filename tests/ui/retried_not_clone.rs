use orchestrator::{Orchestrator, blueprint};

struct Order;
struct P;

#[blueprint]
impl P {
    #[step(retry = 2)]
    async fn take(&self, _: Order) -> anyhow::Result<u32> {
        Ok(1)
    }

    #[step(retry = 2)]
    async fn look(&self, _: &u32) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

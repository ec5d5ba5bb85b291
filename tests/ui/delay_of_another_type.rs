use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[delay]
    fn seconds(&self) -> u64 {
        5
    }

    #[delay]
    async fn fallible(&self) -> anyhow::Result<u64> {
        Ok(5)
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

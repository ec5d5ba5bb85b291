use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn look(&self, number: &u32) -> u32 {
        *number
    }

    #[step]
    async fn look_fallible(&self, number: &u32) -> anyhow::Result<u32> {
        Ok(*number)
    }

    #[step]
    async fn load(&self) -> Vec<u8> {
        vec![]
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

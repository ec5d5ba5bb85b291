use orchestrator::{Orchestrator, blueprint};

use orchestrator::StepContext;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn two(&self, _: u8, _: u16) {}

    #[step]
    async fn context_first(&self, _: &StepContext, _: u8) {}

    #[step]
    async fn context_owned(&self, _: u8, _: StepContext) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn emit(&self) {}

    #[step]
    async fn emit(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

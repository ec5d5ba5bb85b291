use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P where {
    #[step]
    async fn emit(&self, _: &u32) {}
}

#[blueprint]
impl<T P {
    #[step]
    async fn emit(&self, _: &u32) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

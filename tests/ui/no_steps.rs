use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    async fn fetch(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
    let _ = P.fetch();
}

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint(name = "x", crate = "orchestrator")]
impl P {
    #[step]
    async fn emit(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint(crate = "orchestrator", nam = "x")]
impl P {
    #[step]
    async fn emit(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

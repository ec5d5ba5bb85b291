use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[cfg(unix)]
    #[step]
    async fn emit(&self) {}

    #[cfg_attr(unix, step)]
    async fn other(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

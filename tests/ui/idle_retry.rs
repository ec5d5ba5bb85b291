use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step(retry = 2)]
    async fn never_fails(&self) {}

    #[step(timeout = "1s", retry(times = 2, when = is_passing))]
    async fn has_no_error(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

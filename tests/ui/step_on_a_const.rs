use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    const NUMBER: u32 = 1;

    #[step]
    async fn fetch(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
    let _ = P::NUMBER;
}

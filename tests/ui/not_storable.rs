use orchestrator::{Orchestrator, blueprint};

struct Fetched;
struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: u32) -> Fetched {
        Fetched
    }

    #[step]
    async fn emit(&self, _: &Fetched) {}
}

fn needs_durable<B: orchestrator::Durable>(_: B) {}

fn main() {
    let _ = Orchestrator::new(P);
    needs_durable(P);
}

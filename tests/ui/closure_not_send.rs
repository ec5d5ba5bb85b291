use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn make(&self, _: u8) -> Box<dyn Fn() -> u8> {
        Box::new(|| 1)
    }

    #[step]
    async fn look(&self, _: &(u8, std::sync::Arc<dyn Fn()>)) {}

    #[step]
    async fn fine(&self, _: Box<dyn FnOnce() + Send + Sync>) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

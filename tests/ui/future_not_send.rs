use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn prepare(&self) {}

    #[step(timeout = "1s")]
    async fn fetch(&self, number: u32) -> u32 {
        let shared = std::rc::Rc::new(number);
        std::future::ready(()).await;
        *shared
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

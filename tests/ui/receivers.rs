use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn by_value(self) {}

    #[step]
    async fn mutable(&mut self) {}

    #[step]
    async fn counted(self: std::sync::Arc<Self>) {}

    #[step]
    async fn none() {}

    #[step]
    async fn not_self(_: u32) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

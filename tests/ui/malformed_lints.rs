//! What is wrong with an attribute of the user's is told once, there.

use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[allow = "dead_code"]
    #[step]
    async fn first(&self, _: u8) {}

    #[allow(dead_code; unused)]
    #[step]
    async fn second(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

use orchestrator::{Orchestrator, blueprint};

use std::cell::Cell;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn look(&self, value: &Cell<u32>) {
        value.set(1);
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

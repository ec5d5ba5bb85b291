//! The context is known by its name.

use orchestrator::{Orchestrator, StepContext as Cx, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn alone(&self, cx: &Cx) {
        let _ = cx.attempt();
    }
}

struct ByValue;

#[blueprint]
impl ByValue {
    #[step]
    async fn value(&self, cx: Cx) {
        let _ = cx.attempt();
    }
}

struct Q;

#[blueprint]
impl Q {
    #[step]
    async fn beside(&self, _: u8, cx: &Cx) {
        let _ = cx.attempt();
    }
}

fn main() {
    let _ = (Orchestrator::new(P), Orchestrator::new(Q));
}

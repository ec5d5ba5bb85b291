//! A `Break` holds the blueprint's output.

use std::ops::ControlFlow;

use orchestrator::{Orchestrator, blueprint};

struct Receipt;
struct Order;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn check(&self, _: &Order) -> ControlFlow<Order> {
        ControlFlow::Break(Order)
    }

    #[step]
    async fn charge(&self, _: Order) -> anyhow::Result<ControlFlow<String, Receipt>> {
        Ok(ControlFlow::Continue(Receipt))
    }
}

fn main() {
    let _ = Orchestrator::new(P).execute_tasks([orchestrator::Task::new(1, Order)]);
}

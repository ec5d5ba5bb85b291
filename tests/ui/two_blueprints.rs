//! A type has one blueprint.

use orchestrator::blueprint;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn first(&self) {}
}

#[blueprint]
impl P {
    #[step]
    async fn second(&self) {}
}

fn main() {}

use orchestrator::{Blueprint, blueprint};

use std::rc::Rc;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn make(&self, number: u32) -> Rc<u32> {
        Rc::new(number)
    }

    #[step]
    async fn take(&self, _: Rc<u32>) {}
}

fn run(_: impl Blueprint) {}

fn main() {
    run(P);
}

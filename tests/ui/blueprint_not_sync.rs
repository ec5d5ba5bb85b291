use std::cell::Cell;

use orchestrator::{Blueprint, blueprint};

struct P {
    calls: Cell<u32>,
}

#[blueprint]
impl P {
    #[step(retry = 1)]
    async fn fetch(&self, _: u8) -> anyhow::Result<u16> {
        self.calls.set(self.calls.get() + 1);
        Ok(1)
    }

    #[step]
    async fn emit(&self, _: &u16) {}
}

fn run(_: impl Blueprint) {}

fn main() {
    let calls = Cell::new(0);
    run(P { calls });
}

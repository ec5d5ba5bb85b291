use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async unsafe fn careless(&self) {}

    #[step]
    const fn early(&self) {}

    #[step]
    extern "C" fn foreign(&self) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

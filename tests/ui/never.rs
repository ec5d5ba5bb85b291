use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn first(&self, _: u8) -> ! {
        panic!()
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

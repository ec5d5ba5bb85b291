use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    fn fetch(&self, number: u32) -> u32 {
        number
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

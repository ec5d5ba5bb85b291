use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, number: u32) -> u32 {
        let half = number / ;
        number.
    }

    #[step]
    async fn emit(&self, _: &u32) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

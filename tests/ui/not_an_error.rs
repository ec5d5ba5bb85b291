use orchestrator::{Orchestrator, blueprint};

struct Unfit;
struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: u8) -> Result<u8, Unfit> {
        Ok(1)
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

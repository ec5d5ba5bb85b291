use orchestrator::{Orchestrator, blueprint};

mod checked {
    pub type Result = std::result::Result<u32, std::fmt::Error>;
}

struct P;

#[blueprint]
impl P {
    #[step]
    async fn look(&self, number: &u32) -> checked::Result {
        Ok(*number)
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

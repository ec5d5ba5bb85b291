use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: Ordr) -> anyhow::Result<Vec<Ftched>> {
        Ok(vec![])
    }

    #[step]
    async fn emit(&self, _: &Vec<Ftched>) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

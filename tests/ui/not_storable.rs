use orchestrator::{Journal, Orchestrator, blueprint};

struct Fetched;
struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: u32) -> Fetched {
        Fetched
    }

    #[step]
    async fn emit(&self, _: &Fetched) {}
}

fn main() {
    let orchestrator = Orchestrator::new(P);
    let journal = Journal::open("run.db").unwrap();
    let _ = orchestrator.journal(journal);
}

use orchestrator::{Orchestrator, blueprint};

type Fallible<T> = Result<T, std::fmt::Error>;

struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: u8) -> Fallible<u8> {
        Ok(1)
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

use orchestrator::{Orchestrator, blueprint};

struct P<T>(T);

#[blueprint]
impl<T: Send + Sync> P<T> {
    #[step]
    async fn make(&self, value: T) -> T {
        value
    }

    #[step]
    async fn take(&self, _: Vec<T>) {}
}

fn main() {
    let _ = Orchestrator::new(P(1));
}

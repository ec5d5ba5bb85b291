use orchestrator::{Orchestrator, blueprint};

trait Source: Send + Sync + 'static {
    fn get(&self) -> impl Future<Output = u32>;
}

struct Always;

impl Source for Always {
    async fn get(&self) -> u32 {
        1
    }
}

struct P<S>(S);

#[blueprint]
impl<S: Source> P<S> {
    #[step]
    async fn fetch(&self, _: ()) -> u32 {
        self.0.get().await
    }
}

fn main() {
    let _ = Orchestrator::new(P(Always));
}

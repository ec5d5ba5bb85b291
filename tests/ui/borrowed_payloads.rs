use orchestrator::{Orchestrator, blueprint};

struct Borrowed<'a>(&'a str);
struct P;

#[blueprint]
impl P {
    #[step]
    async fn mutable(&self, _: &mut u8) {}

    #[step]
    async fn text(&self, _: &str) {}

    #[step]
    async fn slice(&self, _: &[u8]) {}

    #[step]
    async fn object(&self, _: &dyn Send) {}

    #[step]
    async fn option(&self, _: Option<&u8>) {}

    #[step]
    async fn elided(&self, _: Borrowed<'_>) {}

    #[step]
    async fn object_for_some_time(&self, _: Box<dyn Fn() + Send + '_>) {}

    #[step]
    async fn returned(&self, _: u8) -> &str {
        ""
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

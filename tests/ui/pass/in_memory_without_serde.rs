// Nothing between the steps can be stored, and nothing asks for it.

use orchestrator::{Orchestrator, blueprint};

struct Fetched(std::sync::mpsc::Sender<u8>, fn(&str) -> bool);
struct P;

#[blueprint]
impl P {
    #[step]
    async fn fetch(&self, _: &'static str) -> Fetched {
        Fetched(std::sync::mpsc::channel().0, str::is_empty)
    }

    #[step]
    async fn emit(&self, fetched: Fetched) -> fn(&str) -> bool {
        drop(fetched.0);
        fetched.1
    }

    #[step]
    async fn last(&self, _: &fn(&str) -> bool) {}
}

fn main() {
    let _ = Orchestrator::new(P);
}

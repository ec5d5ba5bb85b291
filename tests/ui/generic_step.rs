use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step]
    async fn parametric<T: Send + 'static>(&self, value: T) -> T {
        value
    }

    #[step]
    async fn of_lifetime<'a>(&'a self, _: u8) {}

    #[step]
    async fn conditional(&self)
    where
        Self: Sized,
    {
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

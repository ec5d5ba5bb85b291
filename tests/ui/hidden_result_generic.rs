use orchestrator::{Orchestrator, blueprint};

type Fallible<T> = Result<T, std::fmt::Error>;

struct P<T>(T);

#[blueprint]
impl<T: Iterator + Send + Sync + 'static> P<T>
where
    T::Item: Send + 'static,
{
    #[step]
    async fn parameter(&self, value: T::Item) -> T::Item {
        value
    }

    #[step]
    async fn fetch(&self, value: T::Item) -> Fallible<T::Item> {
        Ok(value)
    }
}

fn main() {
    let _ = Orchestrator::new(P(0..1));
}

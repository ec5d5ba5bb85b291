use orchestrator::{Orchestrator, blueprint};

struct P;

#[blueprint]
impl P {
    #[step = "1s"]
    async fn equals(&self) {}

    #[step(timeout = )]
    async fn set_to_nothing(&self) {}

    #[step(timeout)]
    async fn bare(&self) {}

    #[step(timeout("1s"))]
    async fn called(&self) {}

    #[step("1s", retry(backoff = "1s"))]
    async fn unnamed(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry)]
    async fn how_often(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry = "2", timeout = "1s" retry = 3)]
    async fn no_comma(&self) -> anyhow::Result<()> {
        Ok(())
    }

    #[step(retry = -1)]
    async fn negative(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Orchestrator::new(P);
}

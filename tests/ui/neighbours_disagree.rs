use orchestrator::{Orchestrator, blueprint};

struct Order;
struct Fetched;
struct ProcessData;

#[blueprint]
impl ProcessData {
    #[step]
    async fn fetch_data(&self, _: Order) -> anyhow::Result<Fetched> {
        Ok(Fetched)
    }

    #[step]
    async fn emit_event(&self, _: &Order) -> anyhow::Result<()> {
        Ok(())
    }
}

// The same names again: the message must not resort to paths.
struct Again;

#[blueprint]
impl Again {
    #[step]
    async fn fetch_data(&self, _: &Order) {}

    #[step]
    async fn nothing(&self) {}

    #[step]
    async fn emit_event(&self, _: Vec<Fetched>) {}
}

fn main() {
    let _ = Orchestrator::new(ProcessData).execute_tasks([orchestrator::Task::new(1, Order)]);
    let _ = Orchestrator::new(Again);
}

//! What `#[blueprint]` writes, at work.
#![allow(missing_docs)]

use orchestrator::blueprint;
use std::time::Duration;

struct ProcessData {
    delay: Duration,
}
struct Order(u64);
struct Fetched(String);

#[blueprint]
impl ProcessData {
    /// GET the endpoint.
    #[step(timeout = "10s")]
    async fn fetch_data(&self, order: Order) -> anyhow::Result<Fetched> {
        Ok(Fetched(order.0.to_string()))
    }

    /// Let the upstream settle.
    #[delay]
    async fn long_delay(&self, _: &Fetched) -> Duration {
        self.delay
    }

    /// Tell the operator.
    #[step]
    async fn emit_event(&self, fetched: &Fetched) -> anyhow::Result<()> {
        println!("{}", fetched.0);
        Ok(())
    }
}

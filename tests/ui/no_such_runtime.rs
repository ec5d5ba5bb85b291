//! A path that leads nowhere is one error, where it stands.

use orchestrator::blueprint;

struct P;

#[blueprint(crate = orchestratr)]
impl P {
    #[step(timeout = "1s")]
    async fn first(&self, number: u8) -> anyhow::Result<u16> {
        Ok(number.into())
    }

    #[step(retry = 1)]
    async fn second(&self, number: u16) -> anyhow::Result<u8> {
        Ok(number.try_into()?)
    }
}

fn main() {
    let _ = P;
}

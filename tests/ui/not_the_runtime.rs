//! A path that leads to something else is one error, where it stands.

use orchestrator::blueprint;

struct P;

#[blueprint(crate = ::std)]
impl P {
    #[step(timeout = "1s")]
    async fn first(&self, number: u8) -> anyhow::Result<u16> {
        Ok(number.into())
    }
}

fn main() {
    let _ = P;
}

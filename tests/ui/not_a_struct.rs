use orchestrator::blueprint;

#[blueprint]
impl [u8] {
    #[step]
    async fn emit(&self) {}
}

fn main() {}

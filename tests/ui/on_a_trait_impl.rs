use orchestrator::blueprint;

struct P;

trait Fetch {
    async fn fetch(&self);
}

#[blueprint]
impl Fetch for P {
    #[step]
    async fn fetch(&self) {}
}

fn main() {
    let _ = P;
    let _ = P.fetch();
}

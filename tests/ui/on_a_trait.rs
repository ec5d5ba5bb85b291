use orchestrator::blueprint;

struct P;

#[blueprint]
trait Fetch {
    #[step]
    async fn fetch(&self) {}
}

impl Fetch for P {}

fn main() {
    let _ = P;
    let _ = P.fetch();
}

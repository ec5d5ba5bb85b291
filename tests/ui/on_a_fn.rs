use orchestrator::blueprint;

struct P;

#[blueprint]
async fn fetch() {}

fn main() {
    let _ = P;
    let _ = fetch();
}

use orchestrator::blueprint;

#[blueprint]
struct P {
    number: u32,
}

fn main() {
    let _ = P { number: 1 }.number;
}

use orchestrator::Blueprint;

struct P;

fn run(_: impl Blueprint) {}

fn main() {
    run(P);
}

use orchestrator::blueprint;

struct P<'a>(&'a str);

#[blueprint]
impl<'a> P<'a> {
    #[step]
    async fn emit(&self) {}
}

fn main() {
    let _ = P("").emit();
}

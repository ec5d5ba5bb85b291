use orchestrator::blueprint;

struct P<'a>(&'a str);

#[blueprint]
impl P<'_> {
    #[step]
    async fn emit(&self) {}
}

struct Q<T>(T);

#[blueprint]
impl Q<&str> {
    #[step]
    async fn emit(&self) {}
}

struct R<T: 'static>(T);

#[blueprint]
impl R<fn(&str)> {
    #[step]
    async fn emit(&self) {}
}

fn main() {
    let _ = (P("").emit(), Q("").emit(), R(|_: &str| ()));
}

//! What is wrong with steps that hang on a `cfg` is told of those that are there.

use std::time::Duration;

use orchestrator::{Orchestrator, blueprint};

struct Page;

struct Typed;

#[blueprint]
impl Typed {
    #[cfg(any())]
    #[step(tiemout = "1s")]
    async fn load(&self, _: Page) -> Missing {}

    #[cfg(all())]
    #[step(tiemout = "1s", retry = self.times)]
    async fn load(&self, _: u8) -> &Page {}

    #[cfg_attr(all(), step)]
    #[cfg_attr(all(), delay)]
    async fn both(&self) {}
}

struct Chained;

#[blueprint]
impl Chained {
    #[cfg(all())]
    #[step]
    async fn load(&self, _: u8) -> Page {
        Page
    }

    #[cfg(any())]
    #[step]
    async fn convert(&self, _: Page) -> String {
        String::new()
    }

    #[step]
    async fn print(&self, _: &String) {}
}

struct Empty;

#[blueprint]
impl Empty {
    #[cfg(any())]
    #[step]
    async fn nothing(&self) {}
}

struct Argument;

#[blueprint]
impl Argument {
    #[step]
    async fn load(&self, #[cfg(all())] _: u8) {}
}

fn main() {
    let _ = Orchestrator::new(Typed).execute_tasks([]);
    let _ = Orchestrator::new(Chained).execute_tasks([]);
    let _ = Orchestrator::new(Empty).execute_tasks([]);
    let _ = Orchestrator::new(Argument).execute_tasks([]);
    let _: Duration = Duration::ZERO;
}

//! The future of `advance` is in every slot of the engine, so nothing may be in it twice.

use std::future::ready;
use std::sync::{Arc, Mutex};

use orchestrator::{Blueprint, StepContext, blueprint};

use crate::run;

const PAYLOAD: usize = size_of::<Payload>();

#[derive(Clone)]
struct Payload([u64; 32]);

struct Sized;

#[blueprint]
impl Sized {
    #[step(timeout = "1s", retry(times = 2, backoff = "1s", when = |_| true))]
    async fn transform(&self, payload: Payload) -> anyhow::Result<Payload> {
        ready(()).await;
        Ok(payload)
    }

    #[step(timeout = "1s", retry = 2)]
    async fn look(&self, payload: &Payload) -> anyhow::Result<()> {
        ready(()).await;
        anyhow::ensure!(payload.0[0] == 0);
        Ok(())
    }
}

struct Peek(Arc<Mutex<Option<StepContext>>>);

#[blueprint]
impl Peek {
    #[step]
    async fn peek(&self, cx: &StepContext) {
        *self.0.lock().unwrap() = Some(cx.clone());
    }
}

#[tokio::test]
async fn nothing_is_in_it_twice() {
    let peeked = Arc::default();
    run(Peek(Arc::clone(&peeked)), ()).await.unwrap();
    let cx = peeked.lock().unwrap().take().unwrap();

    let step = size_of_val(&Sized.transform(Payload([0; 32])));
    let advance = size_of_val(&Sized.advance(Sized::start(Payload([0; 32])), &cx));
    // The state, the step's own future, the copy for another attempt, and the odds and ends.
    let bound = PAYLOAD + step + PAYLOAD + 128;
    assert!(advance <= bound, "{advance} bytes, and not {bound}");
}

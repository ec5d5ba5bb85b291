//! A crate that depends on `orchestrator` under another name.
#![cfg(test)]

use std::ops::ControlFlow;
use std::time::Duration;

use orch::{Durable, Orchestrator, Rate, StepContext, Task};

struct Renamed(Duration);

#[orch::blueprint(crate = orch)]
impl Renamed {
    #[step(timeout = self.0, retry(times = 1, when = |_| true), limit = 1, rate = "100/s")]
    async fn first(
        &self,
        number: u8,
        _: &StepContext,
    ) -> Result<ControlFlow<u8, u16>, std::fmt::Error> {
        Ok(ControlFlow::Continue(number.into()))
    }

    #[step(rate = Rate::per_second(100))]
    async fn second(&self, _: &u16) -> ControlFlow<u8> {
        ControlFlow::Continue(())
    }

    #[delay]
    async fn pause(&self) -> Result<Duration, std::fmt::Error> {
        Ok(self.0)
    }

    #[cfg(test)]
    #[step]
    async fn third(&self, number: u16) -> u8 {
        number.to_le_bytes()[0]
    }
}

/// The same without a `cfg`, and by an absolute path.
struct Absolute;

#[orch::blueprint(crate = ::orch, name = "absolute")]
impl Absolute {
    #[step]
    async fn only(&self, number: u8) -> u8 {
        number
    }
}

#[tokio::test(start_paused = true)]
async fn generated_code_names_the_dependency_by_its_name() {
    let results =
        Orchestrator::new(Renamed(Duration::from_secs(1))).execute_tasks([Task::new(1, 7)]);
    assert_eq!(results.await.unwrap().remove(0).outcome.unwrap(), 7);
    let results = Orchestrator::new(Absolute).execute_tasks([Task::new(1, 7)]);
    assert_eq!(results.await.unwrap().remove(0).outcome.unwrap(), 7);
}

#[test]
fn it_can_be_stored() {
    assert!(Renamed::decode("third", "7").is_ok());
}

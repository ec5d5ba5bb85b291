//! Names that stay when a fn is renamed.

use std::sync::Mutex;
use std::time::Duration;

use orchestrator::{Blueprint, Durable, StepContext, blueprint, diagram};

use crate::run;

#[derive(Default)]
struct Renamed {
    key: Mutex<String>,
}

#[blueprint(name = "orders.v1")]
impl Renamed {
    #[step(name = "fetch-data")]
    async fn fetch(&self, number: u8, cx: &StepContext) -> anyhow::Result<u8> {
        *self.key.lock().unwrap() = cx.idempotency_key();
        anyhow::ensure!(number != 13, "unlucky");
        Ok(number)
    }

    #[delay(name = "rest")]
    fn pause(&self) -> Duration {
        Duration::from_secs(1)
    }
}

#[test]
fn a_step_goes_by_its_given_name() {
    let names: Vec<_> = Renamed::STEPS
        .iter()
        .map(orchestrator::StepInfo::name)
        .collect();
    assert_eq!(names, ["fetch-data", "rest"]);
    assert!(diagram::<Renamed>().contains("\"fetch-data\""));
}

#[test]
fn a_blueprint_goes_by_its_given_name() {
    assert_eq!(Renamed::NAME, "orders.v1");
}

#[test]
fn a_state_is_stored_under_the_given_name() {
    let state = Renamed::start(7);
    let (step, json) = Renamed::encode(&state).unwrap();
    assert_eq!((step, json.as_str()), ("fetch-data", "7"));
    assert!(Renamed::decode("rest", "7").is_ok());
    assert!(Renamed::decode("fetch", "7").is_err());
}

#[tokio::test(start_paused = true)]
async fn an_error_and_an_idempotency_key_have_the_given_name() {
    let error = run(Renamed::default(), 13).await.unwrap_err();
    assert_eq!(error.to_string(), "fetch-data: unlucky (1 attempt)");

    let renamed = std::sync::Arc::new(Renamed::default());
    let orchestrator = orchestrator::Orchestrator::new(Shared(renamed.clone()));
    let _ = orchestrator
        .execute_tasks([orchestrator::Task::new(1, 1)])
        .await
        .unwrap();
    let key = renamed.key.lock().unwrap().clone();
    assert!(key.ends_with("/0/fetch-data"), "{key}");
}

struct Raw;

#[blueprint]
impl Raw {
    #[step(r#timeout = "1s", r#name = "raw")]
    async fn first(&self) {}
}

#[test]
fn an_option_may_be_written_as_a_raw_identifier() {
    assert_eq!(Raw::STEPS[0].timeout(), Some("1s"));
    assert_eq!(Raw::STEPS[0].name(), "raw");
}

struct Shared(std::sync::Arc<Renamed>);

#[blueprint]
impl Shared {
    #[step(name = "fetch-data")]
    async fn fetch(&self, number: u8, cx: &StepContext) -> anyhow::Result<u8> {
        self.0.fetch(number, cx).await
    }
}

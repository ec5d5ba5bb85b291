//! A blueprint of the rarer kinds of steps, there and here.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use orchestrator::restate::Client;
use orchestrator::{Orchestrator, StepContext, Task, TaskResult, blueprint, retry_after};
use serde::{Deserialize, Serialize};

use crate::server::Server;
use crate::worker::Working;

/// No value survives what is done to it here but by JSON that is exact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Value {
    big: u64,
    exact: f64,
    text: String,
    #[serde(default)]
    gained: Option<u8>,
}

#[derive(Clone)]
struct Odd;

#[blueprint]
impl Odd {
    #[step(retry(times = 1, backoff = "10s"))]
    async fn again(&self, value: Value, cx: &StepContext) -> anyhow::Result<Value> {
        if cx.attempt() == 1 && value.big.is_multiple_of(2) {
            let busy = anyhow::anyhow!("busy");
            return Err(retry_after(busy, Duration::from_millis(200)));
        }
        Ok(value)
    }

    #[step]
    async fn cached(&self, value: &Value) -> ControlFlow<Value> {
        if value.text.is_empty() {
            return ControlFlow::Break(value.clone());
        }
        ControlFlow::Continue(())
    }

    #[step(name = "as-it-was.once", rate = "100/s")]
    async fn renamed(&self, mut value: Value) -> Value {
        value.exact /= 3.0;
        value
    }

    #[delay]
    async fn refused(&self, value: &Value) -> anyhow::Result<Duration> {
        anyhow::ensure!(value.text != "no delay", "there is none");
        Ok(Duration::ZERO)
    }

    #[delay]
    fn last(&self) -> Duration {
        Duration::from_millis(100)
    }
}

fn tasks() -> Vec<Task<Value>> {
    let texts = ["", "näyttö \u{1f980} \"\\\n", "no delay", "plain"];
    let big = [u64::MAX, u64::MAX - 1, 1 << 53, (1 << 53) + 1];
    let values = texts.into_iter().zip(big).map(|(text, big)| Value {
        big,
        exact: 0.1,
        text: text.to_owned(),
        gained: None,
    });
    (0..)
        .zip(values)
        .map(|(id, value)| Task::new(id, value))
        .collect()
}

fn lines(results: &[TaskResult<Value>]) -> Vec<String> {
    let line = |result: &TaskResult<Value>| match &result.outcome {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    };
    results.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn results_of_rarer_steps_are_those_of_a_run_in_memory() {
    let server = Server::start().await;
    let _working = Working::on(&server, Odd).await;
    let expected = lines(&Orchestrator::new(Odd).execute_tasks(tasks()).await.unwrap());
    let began = Instant::now();
    let client = Client::<Odd>::new(server.ingress()).unwrap();
    let results = client.orchestrator().execute_tasks(tasks()).await.unwrap();
    assert_eq!(lines(&results), expected);
    // The pause is the one that the error asks for.
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(200) && took < Duration::from_secs(8),
        "{took:?}"
    );
}

/// Says or gives what is too much for a server.
#[derive(Clone)]
struct TooMuch;

#[blueprint]
impl TooMuch {
    #[step]
    async fn say(&self, what: String) -> anyhow::Result<f64> {
        let long = "e".repeat(40 << 20);
        match &*what {
            "error" => Err(anyhow::anyhow!(long)),
            "panic" => panic!("{long}"),
            _ => Ok(f64::NAN),
        }
    }

    #[delay]
    fn rest(&self, _: &f64) -> Duration {
        Duration::from_millis(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn what_is_too_much_for_a_server_fails_its_task() {
    let server = Server::start().await;
    let _working = Working::on(&server, TooMuch).await;
    let client = Client::<TooMuch>::new(server.ingress()).unwrap();
    let tasks = ["error", "panic", "no number"];
    let tasks = tasks.map(|what| Task::new(1, what.to_owned()));
    let results = client.orchestrator().execute_tasks(tasks);
    let results = tokio::time::timeout(crate::LIMIT, results)
        .await
        .unwrap()
        .unwrap();
    let errors = results.iter().map(|result| result.outcome.as_ref());
    let errors: Vec<_> = errors
        .map(|outcome| outcome.unwrap_err().to_string())
        .collect();
    assert!(errors[0].starts_with("say: eeee"), "{:.100}", errors[0]);
    assert!(errors[0].ends_with("e... (41943040 bytes) (1 attempt)"));
    let panicked = "say: panicked: eeee";
    assert!(errors[1].starts_with(panicked), "{:.100}", errors[1]);
    let unread = "say: what the step gave can't be read back from JSON";
    assert!(errors[2].starts_with(unread), "{}", errors[2]);
}

struct NoNumber;

#[blueprint]
impl NoNumber {
    #[step]
    async fn only(&self, (): ()) -> f64 {
        f64::INFINITY
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn an_output_that_can_not_be_read_back_fails_its_step() {
    let server = Server::start().await;
    let _working = Working::on(&server, NoNumber).await;
    let client = Client::<NoNumber>::new(server.ingress()).unwrap();
    let results = client
        .orchestrator()
        .execute_tasks([Task::new(1, ())])
        .await
        .unwrap();
    let error = results[0].outcome.as_ref().unwrap_err().to_string();
    let unread = "only: what the step gave can't be read back from JSON";
    assert!(error.starts_with(unread), "{error}");
}

struct Unit;

#[blueprint]
impl Unit {
    #[step]
    async fn only(&self, (): ()) -> u8 {
        7
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn other_programs_may_call_it() {
    let server = Server::start().await;
    let _working = Working::on(&server, Unit).await;
    let url = format!("{}/Unit/run", server.ingress());
    let post = |body: &'static str| {
        let request = crate::server::http().post(&url);
        request
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let answer = post(r#"{"input": null}"#).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = answer.text().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["output"], 7);
    assert_eq!(post(r#"{"inputs": null}"#).await.unwrap().status(), 400);
    let answer = post(r#"{"input": 5}"#).await.unwrap();
    assert_eq!(answer.status(), 422);
    let answer = answer.text().await.unwrap();
    assert!(
        answer.contains("the input is none that this worker can read"),
        "{answer}"
    );
}

/// The same steps with other types, as an older program may have.
mod older {
    use orchestrator::blueprint;

    pub(super) struct Unit;

    #[blueprint]
    impl Unit {
        #[step]
        async fn only(&self, input: Option<u8>) -> String {
            format!("{input:?}")
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_client_of_other_types_is_told() {
    let server = Server::start().await;
    let _working = Working::on(&server, Unit).await;
    let client = Client::<older::Unit>::new(server.ingress()).unwrap();
    let tasks = [Some(5), None].map(|input| Task::new(1, input));
    let results = client.orchestrator().execute_tasks(tasks).await.unwrap();
    let error = |at: usize| results[at].outcome.as_ref().unwrap_err().to_string();
    let input = "only: the input is none that this worker can read";
    assert!(error(0).starts_with(input), "{}", error(0));
    let output = "Unit: the output is none that this client can read";
    assert!(error(1).starts_with(output), "{}", error(1));
}

mod generic {
    use std::marker::PhantomData;

    use orchestrator::blueprint;
    use orchestrator::restate::Worker;

    struct Of<T>(PhantomData<T>);

    #[blueprint]
    impl<T: Send + Sync + 'static> Of<T> {
        #[step]
        async fn only(&self, number: u8) -> u8 {
            number
        }
    }

    #[test]
    fn a_generic_blueprint_is_served_by_its_name() {
        let worker = Worker::new().serve(Of::<u8>(PhantomData)).unwrap();
        let error = worker.serve(Of::<u16>(PhantomData)).unwrap_err();
        assert!(
            error.to_string().contains("two blueprints are named `Of`"),
            "{error}"
        );
    }
}

//! The blueprint: [`ProcessData`].

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};

use super::super::terminal::{Terminal, one_line};
use super::fetch::fetch;

/// A row of the tasks.
#[derive(Clone, Debug)]
pub(crate) struct TaskInput {
    pub(crate) task_id: u64,
    /// Shared: a million tasks that wait are of a few types.
    pub(crate) task_type: Arc<str>,
}

/// A row whose fetch has succeeded.
#[derive(Debug)]
pub(crate) struct Fetched {
    task: TaskInput,
    status: StatusCode,
}

/// What is done for a row: fetch, wait, report.
#[derive(Debug)]
pub(crate) struct ProcessData {
    pub(crate) http: Client,
    pub(crate) url: Url,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) delay: Duration,
    pub(crate) terminal: Terminal,
}

impl ProcessData {
    /// GET the endpoint.
    async fn fetch_data(&self, task: TaskInput) -> anyhow::Result<Fetched> {
        let status = fetch(&self.http, &self.url).await?;
        Ok(Fetched { task, status })
    }

    /// Let the upstream settle.
    fn long_delay(&self, _: &Fetched) -> Duration {
        self.delay
    }

    /// Tell the operator.
    async fn emit_event(&self, fetched: &Fetched) {
        let Fetched { task, status } = fetched;
        let kind = one_line(&task.task_type);
        let line = format!("task {} ({kind}): fetched, HTTP {status}", task.task_id);
        self.terminal.event(line).await;
    }
}

mod by_hand {
    use orchestrator::__private::{failed, within};
    use orchestrator::{Advance, Blueprint, Retry, StepContext, StepFailure, StepInfo, StepKind};

    use super::{Duration, Fetched, ProcessData, TaskInput};

    pub(crate) enum State {
        Fetch(TaskInput),
        Delay(Fetched),
        Emit(Fetched),
    }

    impl Blueprint for ProcessData {
        type Input = TaskInput;
        type Output = Fetched;
        type State = State;
        const NAME: &'static str = "ProcessData";
        const STEPS: &'static [StepInfo] = &[
            StepInfo::new("fetch_data", StepKind::Step, || "", || ""),
            StepInfo::new("long_delay", StepKind::Delay, || "", || ""),
            StepInfo::new("emit_event", StepKind::Step, || "", || ""),
        ];

        fn start(input: TaskInput) -> State {
            State::Fetch(input)
        }

        fn position(state: &State) -> usize {
            match state {
                State::Fetch(_) => 0,
                State::Delay(_) => 1,
                State::Emit(_) => 2,
            }
        }

        async fn advance(&self, state: State, cx: &StepContext) -> Advance<State, Fetched> {
            match state {
                State::Fetch(task) => {
                    let retry = Retry::times(self.retries).backoff(Duration::from_millis(200));
                    let kept = retry
                        .allows_after(cx.attempt())
                        .then(|| State::Fetch(task.clone()));
                    match within(self.timeout, self.fetch_data(task)).await {
                        Ok(Ok(fetched)) => Advance::Next(State::Delay(fetched)),
                        Ok(Err(error)) => failed(StepFailure::failed(error), kept, &retry, cx),
                        Err(failure) => failed(failure, kept, &retry, cx),
                    }
                }
                State::Delay(fetched) => Advance::Park {
                    pause: self.long_delay(&fetched),
                    state: State::Emit(fetched),
                },
                State::Emit(fetched) => {
                    self.emit_event(&fetched).await;
                    Advance::Done(fetched)
                }
            }
        }
    }
}

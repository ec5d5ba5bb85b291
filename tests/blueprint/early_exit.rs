//! Steps that may end a task before the last step.

use std::ops::ControlFlow;
use std::time::Duration;

use orchestrator::{Blueprint, Orchestrator, Task, blueprint, diagram};

use crate::run;

#[derive(Debug, PartialEq)]
struct Receipt(&'static str);

#[derive(Clone)]
struct Order(u32);

struct Shop;

#[blueprint]
impl Shop {
    /// By value, bare.
    #[step]
    async fn look_up(&self, number: u32) -> ControlFlow<Receipt, Order> {
        if number == 0 {
            return ControlFlow::Break(Receipt("nothing ordered"));
        }
        ControlFlow::Continue(Order(number))
    }

    /// By reference: what does not end the task lets the order flow on.
    #[step]
    async fn check(&self, order: &Order) -> ControlFlow<Receipt> {
        if order.0 == 1 {
            return ControlFlow::Break(Receipt("paid already"));
        }
        ControlFlow::Continue(())
    }

    #[delay]
    fn settle(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    /// In a `Result`, with all the options.
    #[step(timeout = "1s", retry(times = 1, when = |error: &anyhow::Error| error.is::<std::fmt::Error>()))]
    async fn charge(&self, order: Order) -> anyhow::Result<ControlFlow<Receipt, Order>> {
        match order.0 {
            2 => Ok(ControlFlow::Break(Receipt("for free"))),
            3 => Err(anyhow::anyhow!("no money")),
            _ => Ok(ControlFlow::Continue(order)),
        }
    }

    #[step(retry = 1)]
    async fn count(&self) -> Result<ControlFlow<Receipt>, std::fmt::Error> {
        Ok(ControlFlow::Continue(()))
    }

    #[step]
    async fn confirm(&self, _: Order) -> Receipt {
        Receipt("paid")
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_is_the_tasks_output_and_the_steps_after_it_do_not_run() {
    assert_eq!(run(Shop, 0).await.unwrap(), Receipt("nothing ordered"));
    assert_eq!(run(Shop, 2).await.unwrap(), Receipt("for free"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_looks_may_end_the_task() {
    let begin = tokio::time::Instant::now();
    assert_eq!(run(Shop, 1).await.unwrap(), Receipt("paid already"));
    assert!(begin.elapsed() < Duration::from_secs(1), "it was delayed");
}

#[tokio::test(start_paused = true)]
async fn what_continues_flows_on() {
    assert_eq!(run(Shop, 4).await.unwrap(), Receipt("paid"));
}

#[tokio::test(start_paused = true)]
async fn an_error_beside_a_control_flow_fails_the_task() {
    let error = run(Shop, 3).await.unwrap_err();
    assert_eq!(error.to_string(), "charge: no money (1 attempt)");
}

#[test]
fn a_diagram_shows_the_ways_out() {
    let exits: Vec<_> = Shop::STEPS
        .iter()
        .filter(|step| step.early_exit())
        .map(orchestrator::StepInfo::name)
        .collect();
    assert_eq!(exits, ["look_up", "check", "charge", "count"]);
    let picture = diagram::<Shop>();
    assert!(picture.contains("    s1 -.-> output\n"), "{picture}");
}

/// The last step may break, too; by an alias, with types that hang on a parameter.
struct Last<T>(T);

type Done<T> = ControlFlow<Vec<T>, Vec<T>>;

mod alias {
    pub(super) type ControlFlow<T> = super::Done<T>;
}

#[blueprint]
impl<T: Copy + PartialEq> Last<T> {
    #[step]
    async fn first(&self, value: T) -> alias::ControlFlow<T> {
        if value == self.0 {
            ControlFlow::Break(vec![value])
        } else {
            ControlFlow::Continue(vec![value, self.0])
        }
    }
}

#[tokio::test]
async fn the_last_step_may_break() {
    assert_eq!(run(Last(1), 1).await.unwrap(), [1]);
    assert_eq!(run(Last(1), 2).await.unwrap(), [2, 1]);
}

#[tokio::test]
async fn many_tasks_may_end_at_different_steps() {
    let tasks = (0..100).map(|number| Task::new(number, u32::from(number % 2 == 0)));
    let results = Orchestrator::new(Shop).execute_tasks(tasks).await.unwrap();
    for result in results {
        let expected = ["nothing ordered", "paid already"][usize::from(result.id.0 % 2 == 0)];
        assert_eq!(result.outcome.unwrap().0, expected);
    }
}

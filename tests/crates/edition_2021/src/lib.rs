//! A crate of edition 2021 defines a blueprint of every form.
#![cfg(test)]

use std::ops::ControlFlow;
use std::time::Duration;

use orchestrator::{blueprint, Orchestrator, Rate, StepContext, Task};

#[derive(Clone)]
struct Order(u32);

#[derive(Debug, PartialEq)]
struct Receipt(String);

struct Shop<T, const N: usize> {
    limit: Duration,
    rate: Rate,
    note: T,
}

#[blueprint(name = "shop")]
impl<T: AsRef<str> + Clone, const N: usize> Shop<T, N>
where
    Self: Sized,
{
    #[step(timeout = self.limit, retry(times = 1 + 1, backoff = "10ms", when = |error| error.downcast_ref() == Some(&std::fmt::Error)), limit = N, rate = self.rate)]
    async fn fetch(
        &self,
        number: u32,
        cx: &StepContext,
    ) -> anyhow::Result<ControlFlow<Receipt, Order>> {
        tokio::task::yield_now().await;
        if cx.attempt() == 1 {
            return Err(std::fmt::Error.into());
        }
        Ok(if number == 0 {
            ControlFlow::Break(Receipt("nothing".to_owned()))
        } else {
            ControlFlow::Continue(Order(number))
        })
    }

    #[step(timeout = "1s", retry = 1, rate = "1000/s")]
    async fn look(&self, order: &Order) -> Result<(), std::fmt::Error> {
        tokio::task::yield_now().await;
        assert_ne!(order.0, 0);
        Ok(())
    }

    #[delay(name = "rest")]
    fn pause(&self) -> Duration {
        self.limit
    }

    #[cfg(test)]
    #[delay]
    async fn pause_again(&self, _: &Order) -> anyhow::Result<Duration> {
        Ok(self.limit)
    }

    #[step]
    async fn note(&self, order: Order) -> (Order, T) {
        (order, self.note.clone())
    }

    /// In edition 2024 that is a keyword.
    #[step(timeout = "1s")]
    async fn gen(&self) {}

    #[step(retry = 1)]
    async fn print(&self, (order, note): (Order, T)) -> Result<Receipt, std::fmt::Error> {
        Ok(Receipt(format!("{} {}", order.0, note.as_ref())))
    }
}

#[tokio::test(start_paused = true)]
async fn every_form_runs() {
    let shop: Shop<_, 2> = Shop {
        limit: Duration::from_secs(1),
        rate: Rate::per_second(100),
        note: "thanks",
    };
    let tasks = [Task::new(1, 0), Task::new(2, 7)];
    let results = Orchestrator::new(shop).execute_tasks(tasks).await.unwrap();
    let receipts: Vec<_> = results
        .into_iter()
        .map(|result| result.outcome.unwrap())
        .collect();
    assert_eq!(
        receipts,
        [
            Receipt("nothing".to_owned()),
            Receipt("7 thanks".to_owned())
        ]
    );
}

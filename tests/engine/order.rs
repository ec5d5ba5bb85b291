//! `order`: as the tasks end, or as they came.

use futures_util::{StreamExt, stream};
use orchestrator::{Orchestrator, Order, Task};

use crate::script::{Op, Script};

async fn ids(order: Order, window: usize) -> Vec<u64> {
    let input = [40, 10, 30, 20].map(|millis| Task::new(millis, vec![Op::Work(millis)]));
    Orchestrator::new(Script::default())
        .order(order)
        .window(window)
        .execute_tasks_streaming(stream::iter(input))
        .map(|result| result.unwrap().id.0)
        .collect()
        .await
}

#[tokio::test(start_paused = true)]
async fn as_they_end_unless_set() {
    assert_eq!(Order::default(), Order::Completion);
    assert_eq!(ids(Order::Completion, 100).await, [10, 20, 30, 40]);
}

#[tokio::test(start_paused = true)]
async fn as_they_came() {
    assert_eq!(ids(Order::Input, 100).await, [40, 10, 30, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_small_window_does_not_hold_up_the_order() {
    for window in 1..4 {
        assert_eq!(ids(Order::Input, window).await, [40, 10, 30, 20]);
    }
}

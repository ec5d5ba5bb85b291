//! `window(n)`: never more than n tasks between admission and delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use orchestrator::{Orchestrator, Order};
use tokio::time::Instant;

use crate::script::{Op, Script, tasks};

#[tokio::test(start_paused = true)]
async fn the_input_is_pulled_only_as_the_window_allows() {
    for (window, order) in [
        (1, Order::Completion),
        (7, Order::Input),
        (1_000, Order::Input),
    ] {
        let pulled = Arc::new(AtomicUsize::new(0));
        let input = {
            let pulled = Arc::clone(&pulled);
            stream::iter(tasks(5_000, &[Op::Delay(3)])).inspect(move |_| {
                pulled.fetch_add(1, Ordering::SeqCst);
            })
        };
        let mut results = Orchestrator::new(Script::default())
            .workers(2)
            .window(window)
            .order(order)
            .execute_tasks_streaming(input);
        let mut delivered = 0;
        while results.try_next().await.unwrap().is_some() {
            delivered += 1;
            let under_way = pulled.load(Ordering::SeqCst) - (delivered - 1);
            assert!(under_way <= window, "{under_way} of {window}");
        }
        assert_eq!(delivered, 5_000);
    }
}

#[tokio::test(start_paused = true)]
async fn throughput_is_the_window_over_the_delay() {
    let begin = Instant::now();
    let results = Orchestrator::new(Script::default())
        .window(100)
        .execute_tasks_streaming(stream::iter(tasks(1_000, &[Op::Delay(1_000)])));
    assert_eq!(results.count().await, 1_000);
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_secs(10) && elapsed < Duration::from_millis(10_100));
}

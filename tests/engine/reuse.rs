//! An orchestrator can be used again, and by several callers at once.

use orchestrator::Orchestrator;

use crate::script::{Op, Script, tasks};

#[tokio::test]
async fn again_after_a_run() {
    let orchestrator = Orchestrator::new(Script::default());
    for _ in 0..3 {
        let results = orchestrator
            .execute_tasks(tasks(10, &[Op::Yield]))
            .await
            .unwrap();
        let ordinals: Vec<_> = results.iter().map(|result| result.ordinal).collect();
        assert_eq!(
            ordinals,
            (0..10).collect::<Vec<_>>(),
            "every run counts from 0"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_several_callers_at_once() {
    let orchestrator = Orchestrator::new(Script::default()).concurrency(4);
    let runs: Vec<_> = (0..10)
        .map(|_| {
            let orchestrator = orchestrator.clone();
            tokio::spawn(async move {
                orchestrator
                    .execute_tasks(tasks(1_000, &[Op::Yield, Op::Ready]))
                    .await
                    .unwrap()
            })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap().len(), 1_000);
    }
}

#[test]
fn from_one_runtime_and_then_another() {
    let orchestrator = Orchestrator::new(Script::default());
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let results = runtime
            .block_on(orchestrator.execute_tasks(tasks(10, &[Op::Yield])))
            .unwrap();
        assert_eq!(results.len(), 10);
    }
}

#[test]
fn without_a_timer_where_nothing_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let orchestrator = Orchestrator::new(Script::default());
    let results = runtime
        .block_on(orchestrator.execute_tasks(tasks(10, &[Op::Yield])))
        .unwrap();
    assert_eq!(results.len(), 10);
}

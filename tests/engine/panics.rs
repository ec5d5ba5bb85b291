//! A step that panics fails its task, and no other.

use orchestrator::{Orchestrator, Task, TaskErrorKind};

use crate::script::{Op, Script};

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_task_and_no_other() {
    let tasks = (0..100).map(|id| {
        let last = if id % 7 == 0 { Op::Panic } else { Op::Ready };
        Task::new(id, vec![Op::Yield, Op::Delay(10), last])
    });
    let results = Orchestrator::new(Script::default())
        .concurrency(3)
        .execute_tasks(tasks)
        .await
        .unwrap();
    for result in results {
        assert_eq!(result.outcome.is_err(), result.id.0 % 7 == 0);
    }
}

#[tokio::test]
async fn the_error_says_where_and_what() {
    let task = Task::new(1, vec![Op::Panic]);
    let results = Orchestrator::new(Script::default())
        .execute_tasks([task])
        .await
        .unwrap();
    let error = results[0].outcome.as_ref().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Panicked);
    assert_eq!(error.step(), "panic");
    assert_eq!(
        error.to_string(),
        "panic: panicked: scripted panic (1 attempt)"
    );
}

//! Workers on threads of their own: nothing is lost between them.

use futures_util::{StreamExt, stream};
use orchestrator::{Orchestrator, Task};

use crate::script::{Op, Script, tasks};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wake_ups_from_other_threads_are_not_lost() {
    let script = Script::default();
    let ops = [Op::Yield, Op::Ready, Op::Yield, Op::Delay(1), Op::Yield];
    for concurrency in [1, 2, 7, 500] {
        let results = Orchestrator::new(script.clone())
            .concurrency(concurrency)
            .workers(4)
            .execute_tasks_streaming(stream::iter(tasks(20_000, &ops)));
        assert_eq!(results.count().await, 20_000);
    }
    assert!(script.seen.most_executing() <= 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrency_is_exact_between_threads() {
    for concurrency in [1, 3, 10] {
        let script = Script::default();
        let orchestrator = Orchestrator::new(script.clone())
            .concurrency(concurrency)
            .workers(4);
        let run = async || {
            let tasks = tasks(3_000, &[Op::Yield, Op::Yield]);
            orchestrator.execute_tasks(tasks).await.unwrap();
        };
        tokio::join!(run(), run(), run());
        assert!(script.seen.most_executing() <= concurrency);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_tasks_that_keep_their_thread_busy_are_spread() {
    // Two tasks that each block their thread until the other runs.
    struct Meet(std::sync::Barrier);
    impl orchestrator::Blueprint for Meet {
        type Input = ();
        type Output = ();
        type State = ();
        const NAME: &'static str = "Meet";
        const STEPS: &'static [orchestrator::StepInfo] = &[orchestrator::StepInfo::new(
            "meet",
            orchestrator::StepKind::Step,
            std::any::type_name::<()>,
            std::any::type_name::<()>,
        )];
        fn start((): ()) {}
        fn position((): &()) -> usize {
            0
        }
        async fn advance(
            &self,
            (): (),
            _: &orchestrator::StepContext,
        ) -> orchestrator::Advance<(), ()> {
            self.0.wait();
            orchestrator::Advance::Done(())
        }
    }
    let orchestrator = Orchestrator::new(Meet(std::sync::Barrier::new(2))).workers(2);
    let results = orchestrator
        .execute_tasks([Task::new(1, ()), Task::new(2, ())])
        .await
        .unwrap();
    assert_eq!(results.len(), 2);
}

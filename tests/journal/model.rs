//! Runs that are cut off at any moment, any number of times, against what a task does in one go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::stream;
use orchestrator::{Orchestrator, StepContext, TaskErrorKind, blueprint, permanent};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{Place, tasks};

/// What one task does: how long its steps work and its delays are, in milliseconds; and where it fails.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    work: [u64; 3],
    wait: [u64; 2],
    fails_at: Option<usize>,
    /// How often the second step fails before it succeeds, in each process.
    flaky: u32,
}

fn plan() -> impl Strategy<Value = Plan> {
    let work = prop::array::uniform3(prop_oneof![Just(0), 0..3_000_u64]);
    let wait = prop::array::uniform2(prop_oneof![Just(0), 1..9_000_u64, 9_000..60_000_u64]);
    (
        work,
        wait,
        prop::option::weighted(0.2, 0..3_usize),
        0..3_u32,
    )
        .prop_map(|(work, wait, fails_at, flaky)| Plan {
            work,
            wait,
            fails_at,
            flaky,
        })
}

/// When a step of a task began and ended.
#[derive(Default)]
struct Log {
    begun: HashMap<(u64, usize), Vec<Instant>>,
    ended: HashMap<(u64, usize), Vec<Instant>>,
}

#[derive(Clone, Default)]
struct Random(Arc<Mutex<Log>>);

impl Random {
    async fn step(&self, plan: &Plan, step: usize, cx: &StepContext) -> anyhow::Result<()> {
        let key = (cx.ordinal(), step);
        self.0
            .lock()
            .unwrap()
            .begun
            .entry(key)
            .or_default()
            .push(Instant::now());
        if plan.work[step] > 0 {
            sleep(Duration::from_millis(plan.work[step])).await;
        }
        if step == 1 {
            anyhow::ensure!(cx.attempt() > plan.flaky, "not yet");
        }
        self.0
            .lock()
            .unwrap()
            .ended
            .entry(key)
            .or_default()
            .push(Instant::now());
        match plan.fails_at {
            Some(at) if at == step => Err(permanent(anyhow::anyhow!("planned"))),
            _ => Ok(()),
        }
    }
}

#[blueprint]
impl Random {
    #[step]
    async fn first(&self, plan: &Plan, cx: &StepContext) -> anyhow::Result<()> {
        self.step(plan, 0, cx).await
    }

    #[delay]
    fn then(&self, plan: &Plan) -> Duration {
        Duration::from_millis(plan.wait[0])
    }

    #[step(retry(times = 3, backoff = "100ms"))]
    async fn second(&self, plan: &Plan, cx: &StepContext) -> anyhow::Result<()> {
        self.step(plan, 1, cx).await
    }

    #[delay]
    fn later(&self, plan: &Plan) -> Duration {
        Duration::from_millis(plan.wait[1])
    }

    #[step]
    async fn third(&self, plan: Plan, cx: &StepContext) -> anyhow::Result<u64> {
        self.step(&plan, 2, cx).await?;
        Ok(plan.wait.iter().sum())
    }
}

/// How long a process runs until it is cut off, and how long there is none then.
#[derive(Clone, Debug)]
struct Cut {
    runs: u64,
    down: u64,
    concurrency: usize,
}

fn cut() -> impl Strategy<Value = Cut> {
    let runs = prop_oneof![0..50_u64, 50..20_000_u64];
    (runs, 0..30_000_u64, 1..5_usize).prop_map(|(runs, down, concurrency)| Cut {
        runs,
        down,
        concurrency,
    })
}

/// Runs the plans through these cuts and then to the end, and looks at what happened.
async fn check(plans: Vec<Plan>, cuts: Vec<Cut>) -> Result<(), TestCaseError> {
    let place = Place::new();
    let start = Instant::now();
    let now = || SystemTime::UNIX_EPOCH + start.elapsed();
    let random = Random::default();
    for cut in cuts {
        let journal = place.journal().await.at(now());
        let orchestrator = Orchestrator::new(random.clone()).journal(journal).unwrap();
        let orchestrator = orchestrator.concurrency(cut.concurrency);
        let results = orchestrator.execute_tasks_streaming(stream::iter(tasks(plans.clone())));
        sleep(Duration::from_millis(cut.runs)).await;
        drop((results, orchestrator));
        sleep(Duration::from_millis(cut.down)).await;
    }
    let journal = place.journal().await.at(now());
    let orchestrator = Orchestrator::new(random.clone()).journal(journal).unwrap();
    let results = orchestrator
        .execute_tasks(tasks(plans.clone()))
        .await
        .unwrap();
    prop_assert_eq!(results.len(), plans.len());
    let log = random.0.lock().unwrap();
    for (plan, result) in plans.iter().zip(results) {
        let steps = plan.fails_at.map_or(3, |at| at + 1);
        match (plan.fails_at, &result.outcome) {
            (None, Ok(sum)) => prop_assert_eq!(*sum, plan.wait.iter().sum::<u64>()),
            (Some(_), Err(error)) => {
                prop_assert_eq!(error.kind(), TaskErrorKind::Failed);
                prop_assert!(error.to_string().contains("planned"), "{}", error);
            }
            (planned, outcome) => prop_assert!(false, "{planned:?} {outcome:?}"),
        }
        for step in 0..3 {
            // A step that ended is on disk before anything else happens: it never runs again.
            let ended = log.ended.get(&(result.ordinal, step)).map_or(0, Vec::len);
            prop_assert_eq!(
                ended,
                usize::from(step < steps),
                "step {} of {:?}",
                step,
                plan
            );
        }
        for step in 1..steps {
            let before = log.ended[&(result.ordinal, step - 1)][0];
            let begun = log.begun[&(result.ordinal, step)][0];
            let least = Duration::from_millis(plan.wait[step - 1]);
            prop_assert!(
                begun - before >= least,
                "{:?} before step {step}",
                begun - before
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_is_cut_off_comes_to_the_same_end(
        plans in prop::collection::vec(plan(), 1..8),
        cuts in prop::collection::vec(cut(), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(plans, cuts))?;
    }
}

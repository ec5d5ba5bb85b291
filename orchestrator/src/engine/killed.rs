//! Runs that are killed at any moment, with a record that loses what was not committed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::stream;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::record::{Far, Known, Met, Notebook, Recalled, Recorder, SendRecord, Turned, Wake, Way};
use crate::{
    Advance, Blueprint, Orchestrator, StepContext, StepInfo, StepKind, Task, TaskError, TaskId,
    TaskResult,
};

/// Four steps, of which the second is a delay. A state is the next step and the input.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    begun: HashMap<(u64, usize), u32>,
}

type State = (usize, u64);

fn unit() -> &'static str {
    "u64"
}

impl Blueprint for Steps {
    type Input = u64;
    type Output = u64;
    type State = State;

    const NAME: &'static str = "Steps";
    const STEPS: &'static [StepInfo] = &[
        StepInfo::new("a", StepKind::Step, unit, unit),
        StepInfo::new("b", StepKind::Delay, unit, unit),
        StepInfo::new("c", StepKind::Step, unit, unit),
        StepInfo::new("d", StepKind::Step, unit, unit),
    ];

    fn start(input: u64) -> State {
        (0, input)
    }

    fn position(state: &State) -> usize {
        state.0
    }

    async fn advance(&self, (step, input): State, cx: &StepContext) -> Advance<State, u64> {
        *self
            .0
            .lock()
            .unwrap()
            .begun
            .entry((cx.ordinal(), step))
            .or_default() += 1;
        match step {
            1 => Advance::Park {
                state: (2, input),
                pause: Duration::from_millis(input),
            },
            3 => Advance::Done(input),
            step => {
                if input % 3 > 0 {
                    sleep(Duration::from_millis(input % 7)).await;
                }
                Advance::Next((step + 1, input))
            }
        }
    }
}

/// What was noted of a task.
#[derive(Clone, Copy, Debug)]
enum Note {
    Stands(State),
    Ended(u64),
}

/// A record in memory: of the notes that were handed over, some are committed.
#[derive(Default)]
struct Record(Mutex<Log>);

#[derive(Default)]
struct Log {
    notes: Vec<(u64, TaskId, Note)>,
    committed: usize,
    wakers: Vec<Waker>,
    /// As of the beginning of this process.
    known: BTreeMap<u64, (TaskId, Note)>,
}

impl Record {
    /// What is left after a kill.
    fn left(&self) -> Arc<Self> {
        let log = self.log();
        let mut known = log.known.clone();
        for (ordinal, id, note) in &log.notes[..log.committed] {
            known.insert(*ordinal, (*id, *note));
        }
        Arc::new(Self(Mutex::new(Log {
            known,
            ..Log::default()
        })))
    }

    /// Commits so many of the notes that were handed over.
    fn commit(&self, count: usize) {
        let mut log = self.log();
        log.committed = log.notes.len().min(log.committed + count);
        log.wakers.drain(..).for_each(Waker::wake);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }
}

impl Recorder<Steps> for Record {
    fn run_id(&self) -> Arc<str> {
        "run".into()
    }

    fn begin(&self, _: Way) -> anyhow::Result<()> {
        Ok(())
    }

    fn known(&self) -> u64 {
        self.log().known.keys().last().map_or(0, |last| last + 1)
    }

    fn recall(&self, ordinals: Range<u64>) -> anyhow::Result<Vec<Recalled<Steps>>> {
        let log = self.log();
        let known = log.known.range(ordinals);
        let recalled = known.map(|(&ordinal, &(id, note))| Recalled {
            id,
            ordinal,
            known: match note {
                Note::Stands(state) => Known::Waits {
                    state,
                    attempt: 1,
                    wake: None,
                },
                Note::Ended(output) => Known::Ended(Ok(output)),
            },
        });
        Ok(recalled.collect())
    }

    fn meet(&self, _: TaskId, _: u64, _: Option<&u64>, _: bool) -> anyhow::Result<Met<Steps>> {
        Ok(Met::Never)
    }

    fn fewest(&self) -> u64 {
        self.known()
    }

    fn admitted(&self) {}

    fn settled(&self, _: &TaskResult<u64>) -> Vec<TaskResult<u64>> {
        Vec::new()
    }

    fn is_far(&self, _: Wake) -> bool {
        false
    }

    fn now(&self) -> i64 {
        0
    }

    fn notebook(self: Arc<Self>) -> Box<dyn Notebook<Steps>> {
        Box::new(Page(self, Vec::new()))
    }

    fn committed(&self) -> anyhow::Result<u64> {
        Ok(self.log().committed as u64)
    }

    fn far(self: Arc<Self>) -> Box<dyn Far<Steps>> {
        Box::new(None)
    }

    fn taken(&self) {}

    fn finished(&self) {}
}

impl SendRecord<u64> for Record {
    fn record(&self, _: &Task<u64>, _: &Waker) -> anyhow::Result<(u64, u64)> {
        anyhow::bail!("nothing is sent")
    }

    fn is_committed(&self, _: u64) -> anyhow::Result<bool> {
        Ok(true)
    }

    fn poll_committed(&self, _: u64, _: &mut Context<'_>) -> Poll<anyhow::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Page(Arc<Record>, Vec<(u64, TaskId, Note)>);

impl Notebook<Steps> for Page {
    fn waits(
        &mut self,
        id: TaskId,
        ordinal: u64,
        state: &State,
        _: u32,
        _: Duration,
    ) -> anyhow::Result<Option<i64>> {
        self.1.push((ordinal, id, Note::Stands(*state)));
        Ok(None)
    }

    fn ended(&mut self, result: &TaskResult<u64>) -> anyhow::Result<()> {
        let output = result.outcome.as_ref().map_err(TaskError::to_string);
        let output = *output.map_err(anyhow::Error::msg)?;
        self.1
            .push((result.ordinal, result.id, Note::Ended(output)));
        Ok(())
    }

    fn turn_page(&mut self, waker: &Waker) -> Turned {
        let mut log = self.0.log();
        log.notes.append(&mut self.1);
        log.wakers.push(waker.clone());
        Turned {
            position: log.notes.len() as u64,
            horizon: i64::MAX,
        }
    }
}

/// No task waits on disk.
impl Far<Steps> for Option<()> {
    fn poll_due(
        &mut self,
        _: u64,
        _: bool,
        _: &mut Context<'_>,
    ) -> Poll<anyhow::Result<Vec<Recalled<Steps>>>> {
        Poll::Pending
    }
}

/// One process: when commits come and how much each takes, and after how many it is killed.
#[derive(Clone, Debug)]
struct Life {
    commits: Vec<(u64, usize)>,
    concurrency: usize,
}

fn life() -> impl Strategy<Value = Life> {
    let commits = prop::collection::vec((0..5_u64, 1..6_usize), 0..20);
    (commits, 1..6_usize).prop_map(|(commits, concurrency)| Life {
        commits,
        concurrency,
    })
}

async fn check(inputs: Vec<u64>, lives: Vec<Life>) -> Result<(), TestCaseError> {
    let steps = Steps::default();
    let mut record = Arc::new(Record::default());
    let mut executing = 0;
    let tasks = || {
        inputs
            .iter()
            .map(|&input| Task::new(input, input))
            .collect::<Vec<_>>()
    };
    let run = |record: &Arc<Record>, concurrency| {
        Orchestrator::new(steps.clone())
            .recorded_by(Arc::clone(record) as _)
            .concurrency(concurrency)
            .execute_tasks_streaming(stream::iter(tasks()))
    };
    let mut delivered = HashMap::new();
    for life in lives {
        let mut results = run(&record, life.concurrency);
        for (pause, count) in life.commits {
            sleep(Duration::from_millis(pause)).await;
            record.commit(count);
            while let Ok(result) =
                tokio::time::timeout(Duration::from_millis(1), results.recv()).await
                && let Some(result) = result.unwrap()
            {
                delivered.insert(result.ordinal, result.outcome.unwrap());
            }
        }
        executing += life.concurrency;
        record = record.left();
        // Whoever was delivered is on disk.
        for ordinal in delivered.keys() {
            let known = record.log().known.get(ordinal).copied();
            prop_assert!(
                matches!(known, Some((_, Note::Ended(_)))),
                "{ordinal}: {known:?}"
            );
        }
    }
    let mut results = run(&record, 3);
    let mut ended = 0;
    let start = Instant::now();
    while ended < inputs.len() {
        prop_assert!(
            start.elapsed() < Duration::from_secs(60),
            "{ended} have ended"
        );
        record.commit(7);
        while let Ok(result) = tokio::time::timeout(Duration::from_millis(1), results.recv()).await
            && let Some(result) = result.unwrap()
        {
            let input = inputs[usize::try_from(result.ordinal).unwrap()];
            prop_assert_eq!(result.outcome.unwrap(), input);
            ended += 1;
        }
    }
    prop_assert!(results.recv().await.unwrap().is_none());
    // What was not committed was at most what held a permit.
    let begun: u32 = steps.0.lock().unwrap().begun.values().sum();
    let (begun, least) = (begun as usize, 4 * inputs.len());
    prop_assert!(
        begun <= least + executing,
        "{begun} of {least}, {executing} at the kills"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_was_not_committed_runs_again_and_nothing_else(
        inputs in prop::collection::vec(0..40_u64, 1..20),
        lives in prop::collection::vec(life(), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(inputs, lives))?;
    }
}

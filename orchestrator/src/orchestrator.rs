//! The builder and the two doors: [`Orchestrator`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::engine::{
    self, AllAtHand, Gates, Gauges, Order, Permits, Received, Recorded, Recorder, Setup, Stats,
    TaskResults,
};
use crate::{Blueprint, ExecuteTasks, Task, TaskSender};

/// Runs the tasks of one blueprint, any number at once.
///
/// It can be used again after a run, and by several callers at once: [`concurrency`] is what their
/// runs share. A clone shares it too, unless it is given a concurrency of its own; other settings
/// can differ from clone to clone.
///
/// The `limit` and the `rate` of a step hold over all runs of an orchestrator and all its clones,
/// also those with a concurrency of their own. Tasks are let into such a step in the order in which
/// they come to it. Who has to wait does so like a task in a delay, as a value and without a permit;
/// each attempt at the step is let in anew. A run whose results are not taken, so that it begins
/// nothing, gives up what it holds there meanwhile, its turn included.
///
/// A step should not wait for tasks of its own orchestrator: it holds a permit meanwhile, and with
/// all permits held that way nothing goes on. For the same reason a blueprint should not keep a
/// [`TaskSender`] of its own run, which then never ends.
///
/// [`concurrency`]: Orchestrator::concurrency
pub struct Orchestrator<B: Blueprint> {
    blueprint: Arc<B>,
    permits: Arc<Permits>,
    gates: Option<Arc<Gates>>,
    gauges: Arc<Gauges>,
    workers: Option<usize>,
    window: usize,
    order: Order,
    shutdown: CancellationToken,
    grace: Duration,
    recorder: Option<Arc<dyn Recorder<B>>>,
}

impl<B: Blueprint> Orchestrator<B> {
    /// An orchestrator with the defaults that each setting names.
    ///
    /// # Panics
    ///
    /// If the `limit` of a step is 0.
    pub fn new(blueprint: B) -> Self {
        let gates = Gates::new(&blueprint).map(Arc::new);
        Self {
            blueprint: Arc::new(blueprint),
            permits: Arc::new(Permits::new(1_000)),
            gates,
            gauges: Arc::default(),
            workers: None,
            window: 1_000_000,
            order: Order::Completion,
            shutdown: CancellationToken::new(),
            grace: Duration::from_secs(10),
            recorder: None,
        }
    }

    /// The most steps that execute at once, over all runs; 1,000 unless set.
    ///
    /// A step that waits for the network counts; a task in a delay, or before its next attempt,
    /// does not. Where several runs want more than there is, each worker of each run gets an equal
    /// share. (So every runtime that has a run of this orchestrator has to be driven: one that stands
    /// still keeps what it was given.)
    ///
    /// A task that was let into a step with a limit keeps its place there until there is a permit for
    /// it. So a clone of fewer permits than the limit can keep others of the orchestrator waiting.
    ///
    /// A run keeps the memory of as many executing steps as it had at its busiest.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn concurrency(mut self, n: usize) -> Self {
        assert!(n > 0, "a concurrency of 0 would run nothing");
        self.permits = Arc::new(Permits::new(n));
        self
    }

    /// The most tasks of a run that are admitted and not yet delivered; 1,000,000 unless set.
    ///
    /// It bounds the memory of a run, and its throughput: no more than the window over the time
    /// that a task takes, delays included.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn window(mut self, n: usize) -> Self {
        assert!(n > 0, "a window of 0 would admit nothing");
        self.window = n;
        self
    }

    /// How many workers drive a run; one for each worker thread of the runtime unless set, and
    /// never more than the concurrency, nor than there are tasks, where that is known beforehand.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn workers(mut self, n: usize) -> Self {
        assert!(n > 0, "without a worker nothing would run");
        self.workers = Some(n);
        self
    }

    /// In which order the streaming door and [`channel`](Orchestrator::channel) deliver results;
    /// [`Order::Completion`] unless set.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Shuts runs down when the token is cancelled.
    ///
    /// No step begins then, and nothing more is pulled from a stream; executing steps have the grace
    /// time to finish. Every task that was handed over (pulled from a stream, sent, or given to
    /// [`execute_tasks`](Orchestrator::execute_tasks)) still gives its result, of the kind
    /// [`Cancelled`](crate::TaskErrorKind::Cancelled) if it was not through. (But for a run that goes on with
    /// tasks that were sent to an earlier one: while those are looked up, a shutdown leaves the rest, and what
    /// is sent meanwhile, in the journal.)
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use orchestrator::{Orchestrator, Task, blueprint};
    /// use tokio_util::sync::CancellationToken;
    /// # struct Wait;
    /// # #[blueprint]
    /// # impl Wait {
    /// #     #[delay]
    /// #     fn wait(&self) -> Duration { Duration::from_secs(60) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    ///
    /// let token = CancellationToken::new();
    /// let orchestrator = Orchestrator::new(Wait).shutdown(token.clone());
    /// let run = tokio::spawn(async move { orchestrator.execute_tasks([Task::new(1, ())]).await });
    /// # tokio::task::yield_now().await;
    /// # tokio::time::sleep(Duration::from_millis(10)).await;
    /// token.cancel();
    /// let results = run.await.unwrap().unwrap();
    /// let error = results[0].outcome.as_ref().unwrap_err();
    /// assert_eq!(error.to_string(), "wait: cancelled");
    /// # }
    /// ```
    pub fn shutdown(mut self, token: CancellationToken) -> Self {
        self.shutdown = token;
        self
    }

    /// How long executing steps may go on after a shutdown; 10 s unless set. Then they are dropped.
    ///
    /// In a runtime without a timer they are dropped at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many tasks are where at the moment, over all runs.
    pub fn stats(&self) -> Stats {
        self.gauges.read()
    }

    /// The channel door, for tasks that are all at hand: runs them and gives their results in the
    /// tasks' order.
    ///
    /// The run begins when the future is first polled. The results are those of all tasks, also after a
    /// shutdown: a run that cannot continue returns an error, and not fewer results.
    ///
    /// ```
    /// # use orchestrator::{Orchestrator, Task, TaskStatus, blueprint};
    /// struct Halve;
    ///
    /// #[blueprint]
    /// impl Halve {
    ///     #[step]
    ///     async fn halve(&self, number: u64) -> anyhow::Result<u64> {
    ///         anyhow::ensure!(number.is_multiple_of(2), "{number} is odd");
    ///         Ok(number / 2)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), orchestrator::RunError> {
    /// let tasks = [Task::new(1, 10), Task::new(2, 7)];
    /// let results = Orchestrator::new(Halve).execute_tasks(tasks).await?;
    /// assert_eq!(results[0].outcome.as_ref().ok(), Some(&5));
    /// assert_eq!(results[1].status(), TaskStatus::Failed);
    /// let error = results[1].outcome.as_ref().unwrap_err();
    /// assert_eq!(error.to_string(), "halve: 7 is odd (1 attempt)");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the run cannot continue, such as with a journal that cannot be written. Results of tasks that have ended are dropped
    /// then; they are in the journal. In memory that does not happen.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or in one without a timer if a step delays, retries or has a rate. (A
    /// step with a timeout fails its task there.)
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the run and drops the steps that are executing.
    pub fn execute_tasks(
        &self,
        tasks: impl IntoIterator<Item = Task<B::Input>>,
    ) -> ExecuteTasks<B::Output> {
        let tasks: Vec<_> = tasks.into_iter().collect();
        let count = tasks.len();
        let setup = self.setup(Order::Input);
        let start = move || engine::start_handed(setup, AllAtHand(tasks.into_iter()));
        ExecuteTasks::new(count, start)
    }

    /// The channel door, for tasks that turn up over time: they are sent from anywhere, and results
    /// are received as they come.
    ///
    /// The run starts at once and ends when every [`TaskSender`] is dropped and every task has given
    /// its result. `capacity` tasks may be sent ahead of admission.
    ///
    /// **Receive while you send.** Sending waits while [`window`](Orchestrator::window) tasks are
    /// under way, and receiving is what makes room: whoever sends more than window + capacity tasks
    /// before receiving the first result waits forever. What is sent ahead waits in memory, as do
    /// results until they are received.
    ///
    /// ```
    /// # use orchestrator::{Orchestrator, Task, blueprint};
    /// # struct Double;
    /// # #[blueprint]
    /// # impl Double {
    /// #     #[step]
    /// #     async fn double(&self, number: u64) -> u64 { number * 2 }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), orchestrator::RunError> {
    /// let (sender, mut results) = Orchestrator::new(Double).channel(16);
    /// let sending = tokio::spawn(async move {
    ///     for number in 0..1_000 {
    ///         sender.send(Task::new(number, number)).await?;
    ///     }
    ///     Ok::<_, orchestrator::SendError<u64>>(())
    /// });
    /// let mut sum = 0;
    /// while let Some(result) = results.recv().await? {
    ///     sum += result.outcome.unwrap_or_default();
    /// }
    /// sending.await.unwrap().unwrap();
    /// assert_eq!(sum, 999_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `capacity` is 0, outside a tokio runtime, or in one without a timer if a step delays, retries
    /// or has a rate.
    pub fn channel(&self, capacity: usize) -> (TaskSender<B::Input>, TaskResults<B::Output>) {
        let capacity = capacity.min(Semaphore::MAX_PERMITS);
        if let Some(recorder) = self.recorder.clone() {
            let (sender, receiver) = mpsc::channel(capacity);
            let source = Recorded::new(receiver, recorder.known());
            let results = engine::start_handed(self.setup(self.order), source);
            let sender = TaskSender::recorded(sender, recorder, results.breaker());
            return (sender, results);
        }
        let (sender, receiver) = mpsc::channel(capacity);
        let results = engine::start_handed(self.setup(self.order), Received(receiver));
        (TaskSender::new(sender), results)
    }

    /// The streaming door, for any number of tasks: the input is pulled as far as the window allows,
    /// and results come as tasks end.
    ///
    /// The run starts at once, on tasks of the current runtime: what is executing goes on whether
    /// or not the results are polled. With thousands of results untaken, tasks wait to begin their
    /// next step; while the window is full, the input is not polled (if it has futures of its own
    /// under way, as `buffered` does, those wait too).
    ///
    /// ```
    /// use futures_util::{TryStreamExt, stream};
    /// # use orchestrator::{Orchestrator, Task, blueprint};
    /// # struct Double;
    /// # #[blueprint]
    /// # impl Double {
    /// #     #[step]
    /// #     async fn double(&self, number: u64) -> u64 { number * 2 }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), orchestrator::RunError> {
    ///
    /// let tasks = stream::iter((0..100_000).map(|number| Task::new(number, number)));
    /// let mut results = Orchestrator::new(Double).window(1_000).execute_tasks_streaming(tasks);
    /// let mut count = 0;
    /// while let Some(result) = results.try_next().await? {
    ///     count += u64::from(result.outcome.is_ok());
    /// }
    /// assert_eq!(count, 100_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or in one without a timer if a step delays, retries or has a rate. (A
    /// step with a timeout fails its task there.)
    pub fn execute_tasks_streaming<S>(&self, tasks: S) -> TaskResults<B::Output>
    where
        S: Stream<Item = Task<B::Input>> + Send + 'static,
    {
        engine::start_pulled(self.setup(self.order), tasks)
    }

    /// The run is recorded there, as are the tasks that are sent to it.
    #[cfg(feature = "journal")]
    pub(crate) fn recorded_by(mut self, recorder: Arc<dyn Recorder<B>>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    #[cfg(feature = "journal")]
    pub(crate) fn has_journal(&self) -> bool {
        self.recorder.is_some()
    }

    fn setup(&self, order: Order) -> Setup<B> {
        let this = self.clone();
        Setup {
            blueprint: this.blueprint,
            permits: this.permits,
            gates: this.gates,
            gauges: this.gauges,
            workers: this.workers,
            window: this.window,
            order,
            shutdown: this.shutdown,
            grace: this.grace,
            recorder: this.recorder,
        }
    }
}

impl<B: Blueprint> Clone for Orchestrator<B> {
    fn clone(&self) -> Self {
        Self {
            blueprint: Arc::clone(&self.blueprint),
            permits: Arc::clone(&self.permits),
            gates: self.gates.clone(),
            gauges: Arc::clone(&self.gauges),
            workers: self.workers,
            window: self.window,
            order: self.order,
            shutdown: self.shutdown.clone(),
            grace: self.grace,
            recorder: self.recorder.clone(),
        }
    }
}

impl<B: Blueprint> fmt::Debug for Orchestrator<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("blueprint", &B::NAME)
            .field("concurrency", &self.permits.total())
            .field("window", &self.window)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

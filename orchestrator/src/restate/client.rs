//! Tasks that are run elsewhere: [`Client`].

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use super::RestateError;
use super::address::Address;
use super::answer::Answer;
use super::ingress::Ingress;
use super::lanes::Lanes;
use crate::distributed::{Submission, fingerprint, raw};
use crate::engine::{contained, run_id};
use crate::{
    Advance, Blueprint, Durable, Orchestrator, Retry, StepContext, StepFailure, StepInfo, StepKind,
    TaskError, TaskErrorKind,
};

/// Submits the tasks of a blueprint to a Restate server, whose workers run them.
///
/// It is a blueprint itself, of one step: have the task run elsewhere. So an [`Orchestrator`] of it has the
/// doors, and the settings, that one of the blueprint has, and gives the same results.
///
/// ```no_run
/// # use orchestrator::blueprint;
/// # struct Ship;
/// # #[blueprint]
/// # impl Ship {
/// #     #[step]
/// #     async fn ship(&self, order: u64) -> anyhow::Result<u64> { Ok(order) }
/// # }
/// use orchestrator::Task;
/// use orchestrator::restate::Client;
///
/// # #[tokio::main]
/// # async fn main() -> anyhow::Result<()> {
/// let orchestrator = Client::<Ship>::new("http://127.0.0.1:8080")?
///     .run("orders-of-monday")?
///     .orchestrator();
/// for result in orchestrator.execute_tasks((1..=100).map(|n| Task::new(n, n))).await? {
///     println!("{}: {:?}", result.id, result.outcome);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Runs
///
/// A task is known to the server by the name of the run and its place in the input. So a program that was
/// interrupted and is run again with the same name, and the same tasks in the same order, attaches to what is
/// under way and begins the rest. A task that had another id or input in that place is
/// [refused](TaskErrorKind::Refused). Without a name, each run is one of its own.
///
/// A task that was submitted goes on whatever becomes of the client: a shutdown, or results that are
/// dropped, leave it under way.
///
/// # What bounds it
///
/// [`Orchestrator::concurrency`] is how many tasks are submitted and wait for their results at once, here
/// delays included, since each keeps a request open; 1,000 unless set. [`Orchestrator::window`] and
/// [`Orchestrator::order`] are as ever.
///
/// A server that is out of reach is asked again, up to the [patience](Client::patience). After that the run ends with a
/// [`RunError`](crate::RunError), as it does when no worker serves the blueprint.
pub struct Client<B> {
    ingress: Ingress,
    /// None: each run has a name that no other has.
    run: Option<Arc<str>>,
    blueprint: PhantomData<fn() -> B>,
}

impl<B: Durable> Client<B> {
    /// A client of the server whose ingress is at this URL.
    ///
    /// # Errors
    ///
    /// If it is no URL of the scheme `http` or `https`.
    ///
    /// # Panics
    ///
    /// If `reqwest` was built for a rustls without a crypto provider, and none is installed.
    pub fn new(ingress: impl AsRef<str>) -> Result<Self, RestateError> {
        let address = Address::new("the URL of the ingress", ingress.as_ref())?;
        Ok(Self {
            ingress: Ingress::new(address)?,
            run: None,
            blueprint: PhantomData,
        })
    }

    /// Names the run, so that it can be gone on with.
    ///
    /// # Errors
    ///
    /// If the name is empty, longer than 128 bytes, or has other characters than ASCII letters, digits, `.`,
    /// `_`, `:` and `-`.
    pub fn run(mut self, name: impl AsRef<str>) -> Result<Self, RestateError> {
        let name = name.as_ref();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(fits) {
            let what = "a run's name is up to 128 ASCII letters, digits, `.`, `_`, `:` and `-`";
            return Err(anyhow!(what).into());
        }
        self.run = Some(name.into());
        Ok(self)
    }

    /// Names the run as no other is.
    pub fn run_anew(mut self) -> Self {
        self.run = Some(run_id().into());
        self
    }

    /// The run's name, if it was given one.
    pub fn run_name(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// How long the server may be out of reach before the run ends with an error; 5 minutes unless set, and no
    /// more than 5 s as long as it was never there. So long may a task not be taken, by a server that has too much
    /// to do or a gateway that refuses it (at first 5 s, too); then the task fails, or the run ends with an error
    /// if no task was answered for yet.
    ///
    /// A server that falls silent is noticed after some 15 s; by an HTTP client [of your own](Client::http) when
    /// that notices.
    pub fn patience(self, patience: Duration) -> Self {
        self.ingress.reach().patience = patience;
        self
    }

    /// Sends requests by this HTTP client: one that has headers of its own to send, or trusts other
    /// certificates. Its connections are its own affair: by HTTP/2 a server takes some 200 requests at a
    /// time on one, where a client of ours opens others, and asks those that are silent whether they still
    /// stand (`http2_keep_alive_interval`).
    pub fn http(mut self, client: reqwest::Client) -> Self {
        self.ingress.lanes = Lanes::given(client);
        self
    }

    /// An orchestrator, with the doors to submit tasks and take their results.
    pub fn orchestrator(self) -> Orchestrator<Self> {
        Orchestrator::new(self)
    }

    fn submission(&self, input: &B::Input, cx: &StepContext) -> anyhow::Result<Submitted> {
        let (_, json) = contained(|| B::encode_input(input))?;
        let input = raw(json)?;
        let identity = fingerprint(cx.task_id().0, &input);
        let body = serde_json::to_string(&Submission {
            run: self.name(cx).to_owned(),
            ordinal: cx.ordinal(),
            id: cx.task_id().0,
            input,
        })?;
        Ok(Submitted {
            identity,
            body,
            refused_since: None,
        })
    }

    fn name<'a>(&'a self, cx: &'a StepContext) -> &'a str {
        self.run.as_deref().unwrap_or(cx.run_id())
    }

    /// What becomes of a task that was not taken.
    fn put_off(
        &self,
        mut submitted: Submitted,
        asked: Instant,
        patience: Duration,
        why: anyhow::Error,
        cx: &StepContext,
    ) -> Advance<ClientState<B::Input>, B::Output> {
        let since = *submitted.refused_since.get_or_insert(asked);
        if since.elapsed() <= patience {
            return again(submitted, cx);
        }
        let why = why.context(format!("not taken for {patience:?}"));
        failed(if self.ingress.reach().has_answered {
            untold::<B>(TaskErrorKind::Failed, why)
        } else {
            StepFailure::of_the_run(why)
        })
    }

    /// Checks that what came of a task is of this one.
    fn check(&self, identity: &str, submitted: &Submitted) -> Result<(), StepFailure> {
        if identity == submitted.identity {
            return Ok(());
        }
        let why = anyhow!(
            "the run `{}` had another task in this place: give this run a name of its own",
            self.run_name().unwrap_or_default()
        );
        Err(untold::<B>(TaskErrorKind::Refused, why))
    }
}

/// A task as it is submitted.
pub struct Submitted {
    /// What it is told by from others.
    identity: String,
    body: String,
    /// Since when somebody is there who does not take it.
    refused_since: Option<Instant>,
}

/// Where a task of a [`Client`] stands.
pub enum ClientState<I> {
    /// It is yet to be submitted.
    New(I),
    /// It is to be submitted, or asked for, again.
    Again(Submitted),
}

// Who has no blueprint does not want this one.
#[diagnostic::do_not_recommend]
impl<B: Durable> Blueprint for Client<B> {
    type Input = B::Input;
    type Output = B::Output;
    type State = ClientState<B::Input>;

    const NAME: &'static str = B::NAME;
    const STEPS: &'static [StepInfo] = &[StepInfo::new(
        B::NAME,
        StepKind::Step,
        type_name::<B::Input>,
        type_name::<B::Output>,
    )];

    fn start(input: Self::Input) -> Self::State {
        ClientState::New(input)
    }

    fn position(_: &Self::State) -> usize {
        0
    }

    async fn advance(
        &self,
        state: Self::State,
        cx: &StepContext,
    ) -> Advance<Self::State, Self::Output> {
        let mut submitted = match state {
            ClientState::Again(submitted) => submitted,
            ClientState::New(input) => match self.submission(&input, cx) {
                Ok(submitted) => submitted,
                Err(error) => return failed(StepFailure::failed(error)),
            },
        };
        let key = format!("{}/{}", self.name(cx), cx.ordinal());
        let body = submitted.body.clone();
        let asked = Instant::now();
        match self.ingress.call(B::NAME, &key, body).await {
            Answer::Completed(completed) => {
                if let Err(failure) = self.check(&completed.task, &submitted) {
                    return failed(failure);
                }
                match contained(|| B::decode_output(completed.output.get())) {
                    Ok(output) => Advance::Done(output),
                    Err(error) => {
                        let what = "the output is none that this client can read";
                        failed(StepFailure::failed(error.context(what)))
                    }
                }
            }
            Answer::Failed(error) => failed(match self.check(&error.task, &submitted) {
                Ok(()) => StepFailure::elsewhere(error.into_error()),
                Err(failure) => failure,
            }),
            Answer::Ended(kind, why) => failed(untold::<B>(kind, why)),
            Answer::Never(error) => failed(StepFailure::of_the_run(error)),
            Answer::Refused(why) if asked.elapsed() < TAKEN => {
                let patience = self.ingress.reach().patience_with_refusals();
                self.put_off(submitted, asked, patience, why, cx)
            }
            Answer::Busy(why) if asked.elapsed() < TAKEN => {
                let patience = self.ingress.reach().patience();
                self.put_off(submitted, asked, patience, why, cx)
            }
            // The server is out of reach; or has the task, and somebody between does not wait for so long.
            Answer::None | Answer::Refused(_) | Answer::Busy(_) => {
                submitted.refused_since = None;
                again(submitted, cx)
            }
        }
    }
}

/// When a server that gave no answer is asked again.
const AGAIN: Retry = Retry::times(u32::MAX).max(Duration::from_secs(2));

/// Who is refused is told so sooner.
const TAKEN: Duration = Duration::from_secs(10);

fn again<I, O>(submitted: Submitted, cx: &StepContext) -> Advance<ClientState<I>, O> {
    Advance::Failed {
        failure: StepFailure::failed(anyhow!("no answer")),
        again: Some((ClientState::Again(submitted), AGAIN.pause(cx.attempt()))),
    }
}

fn failed<S, O>(failure: StepFailure) -> Advance<S, O> {
    Advance::Failed {
        failure,
        again: None,
    }
}

/// The end of a task of which nobody tells how far it came.
fn untold<B: Blueprint>(kind: TaskErrorKind, why: anyhow::Error) -> StepFailure {
    let error = TaskError::new(B::STEPS[0].name(), 0, StepFailure::new(kind, why));
    StepFailure::elsewhere(error)
}

impl<B> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("ingress", &self.ingress.address)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Submitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitted").finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for ClientState<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(_) => f.write_str("New"),
            Self::Again(_) => f.write_str("Again"),
        }
    }
}

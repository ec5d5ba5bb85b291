//! A process that takes the steps of tasks: [`Worker`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use restate_sdk::endpoint::{Endpoint, ServiceOptions};
use restate_sdk::service::ServiceDefinition;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio_util::sync::CancellationToken;

use super::registration::{Served, register};
use super::{CENTURY, RestateError, server, service};
use crate::Durable;
use crate::distributed::{Places, Walk, pipeline};

/// A process that takes the steps of tasks, whenever a Restate server calls it.
///
/// ```no_run
/// # use orchestrator::{Orchestrator, blueprint};
/// # struct Ship;
/// # #[blueprint]
/// # impl Ship {
/// #     #[step]
/// #     async fn ship(&self, order: u64) -> anyhow::Result<u64> { Ok(order) }
/// # }
/// use orchestrator::restate::Worker;
///
/// # #[tokio::main]
/// # async fn main() -> anyhow::Result<()> {
/// Worker::new()
///     .serve(Ship)?
///     .register("http://127.0.0.1:9070")
///     .listen("127.0.0.1:9080")
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// Several workers may serve the same blueprints, behind one URL. See the [module](super) for what is
/// guaranteed.
#[must_use = "a worker serves nobody until it listens"]
pub struct Worker {
    services: Vec<Define>,
    served: Vec<Served>,
    settings: Settings,
    identity_keys: Vec<String>,
    max_request_body: usize,
    grace: Duration,
    register: Option<String>,
    advertise: Option<String>,
}

/// What holds for each blueprint that is served.
struct Settings {
    concurrency: usize,
    retention: Duration,
    longest_step: Duration,
    shutdown: CancellationToken,
    executing: Arc<AtomicUsize>,
}

/// Makes the service of a blueprint, when all settings are known.
type Define = Box<dyn FnOnce(&Settings) -> ServiceDefinition + Send + Sync>;

impl Settings {
    fn walk<B: Durable>(&self, blueprint: B) -> Walk<B> {
        Walk {
            places: Places::new(&blueprint, self.concurrency),
            blueprint,
            pipeline: pipeline::<B>(),
            longest: self.longest_step,
            cancelled: self.shutdown.clone(),
            executing: Arc::clone(&self.executing),
        }
    }

    fn options(&self) -> ServiceOptions {
        ServiceOptions::new()
            .idempotency_retention(self.retention.min(CENTURY))
            .journal_retention(self.retention.min(CENTURY))
            .abort_timeout(self.longest_step.min(CENTURY))
            // For what concerns the worker alone, such as other code. Never given up: by the server's own
            // policy a task would be paused after an hour, and wait for somebody to resume it.
            .retry_policy_initial_interval(Duration::from_millis(500))
            .retry_policy_exponentiation_factor(2.0)
            .retry_policy_max_interval(Duration::from_secs(30))
            .retry_policy_max_attempts(u32::MAX.into())
    }
}

impl Worker {
    /// A worker with the defaults that each setting names.
    pub fn new() -> Self {
        Self {
            services: Vec::new(),
            served: Vec::new(),
            settings: Settings {
                concurrency: 1_000,
                retention: Duration::from_secs(24 * 60 * 60),
                longest_step: Duration::from_secs(10 * 60),
                shutdown: CancellationToken::new(),
                executing: Arc::default(),
            },
            identity_keys: Vec::new(),
            max_request_body: 8 << 20,
            grace: Duration::from_secs(10),
            register: None,
            advertise: None,
        }
    }

    /// The most steps of a blueprint that execute at once in this process; 1,000 unless set. A task that
    /// waits does not count.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn concurrency(mut self, n: usize) -> Self {
        assert!(n > 0, "a concurrency of 0 would run nothing");
        self.settings.concurrency = n;
        self
    }

    /// How long the server remembers a task that has ended: a day unless set. While it does, to submit the
    /// task again (the same run, the same place in it) gives its result and runs nothing.
    pub fn retention(mut self, time: Duration) -> Self {
        self.settings.retention = time;
        self
    }

    /// How long a step may take; 10 minutes unless set. What takes longer is given up by the server, which has
    /// it run again; that is said by a [`tracing`] warning. To wait for a place, by `limit`, `rate` or
    /// [`concurrency`](Worker::concurrency), is not to take long.
    pub fn longest_step(mut self, time: Duration) -> Self {
        self.settings.longest_step = time;
        self
    }

    /// Stops when the token is cancelled: no step begins any more, and those that execute have the
    /// [grace](Worker::grace) time. Tasks go on elsewhere, or here when the worker is back.
    pub fn shutdown(mut self, token: CancellationToken) -> Self {
        self.settings.shutdown = token;
        self
    }

    /// How long executing steps may go on after a shutdown; 10 s unless set. Then they are dropped, and run
    /// again under the same idempotency key. What the server calls meanwhile is begun when the worker has ended,
    /// elsewhere or when it is back: so have a load balancer leave it out first.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The most bytes of a request's body; 8 MiB unless set.
    ///
    /// The server calls a worker with the input of a task and all that its steps have returned so far, and the
    /// worker keeps that in memory until the call has ended. So this bounds the memory that a caller can take,
    /// and has to be above what a task adds up to. A larger request is answered 413, or breaks off where its
    /// length is not known before; the worker warns of that by [`tracing`], and the server calls again and
    /// again.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.max_request_body = bytes;
        self
    }

    /// Calls are answered only if they are signed by this key (`publickeyv1_…`), or one of them where there
    /// are several. The server has the other half (`request-identity-private-key-pem-file` in its
    /// configuration). Without a key, whoever reaches the worker can run its steps with any input.
    pub fn identity_key(mut self, key: impl Into<String>) -> Self {
        self.identity_keys.push(key.into());
        self
    }

    /// Registers the worker with the server whose admin API is at this URL, once it listens.
    ///
    /// # Panics
    ///
    /// Listening panics then, if `reqwest` was built for a rustls without a crypto provider, and none is
    /// installed.
    pub fn register(mut self, admin: impl Into<String>) -> Self {
        self.register = Some(admin.into());
        self
    }

    /// The URL that the server is to call, where that is not `http://` and the address that is listened at:
    /// replicas have one in common.
    pub fn advertise(mut self, url: impl Into<String>) -> Self {
        self.advertise = Some(url.into());
        self
    }

    /// Serves a blueprint, under its [name](crate::Blueprint::NAME).
    ///
    /// The `limit` and the `rate` of a step hold in this process, over all its tasks.
    ///
    /// # Errors
    ///
    /// If that is no name for a Restate service (letters, digits, `.`, `_` and `-`), or there is another
    /// of the same name.
    pub fn serve<B: Durable>(mut self, blueprint: B) -> Result<Self, RestateError> {
        if self.served.iter().any(|served| served.name == B::NAME) {
            return Err(anyhow::anyhow!("two blueprints are named `{}`", B::NAME).into());
        }
        let manifest = service::manifest::<B>()?;
        self.served.push(Served {
            name: B::NAME,
            pipeline: pipeline::<B>(),
        });
        self.services.push(Box::new(move |settings| {
            service::definition(settings.walk(blueprint), manifest, settings.options())
        }));
        Ok(self)
    }

    /// Listens at this address, and serves until the [shutdown](Worker::shutdown).
    ///
    /// # Errors
    ///
    /// If the address can't be listened at, an [identity key](Worker::identity_key) is none, or the
    /// [registration](Worker::register) fails; that of an address that nobody can call, such as `0.0.0.0`,
    /// is not tried without a URL to [advertise](Worker::advertise).
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the worker at once: steps that execute are dropped where they stand.
    pub async fn listen(self, address: impl ToSocketAddrs) -> Result<(), RestateError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| anyhow::Error::new(error).context("cannot listen"))?;
        self.listen_on(listener).await
    }

    /// The same, on a socket that is bound already.
    ///
    /// # Errors
    ///
    /// As those of [`listen`](Worker::listen).
    pub async fn listen_on(self, listener: TcpListener) -> Result<(), RestateError> {
        let address = listener.local_addr().map_err(anyhow::Error::new)?;
        if self.register.is_some() && self.advertise.is_none() && address.ip().is_unspecified() {
            let what =
                "can't be registered, since it is no address to call: give the URL to advertise";
            return Err(anyhow::anyhow!("{address} {what}").into());
        }
        let mut endpoint = Endpoint::builder();
        for key in &self.identity_keys {
            endpoint = endpoint.identity_key(key).map_err(|error| {
                anyhow::anyhow!("an identity key is not one (`publickeyv1_…`): {error}")
            })?;
        }
        for define in self.services {
            endpoint = endpoint.bind(define(&self.settings));
        }
        let serving = server::serve(
            listener,
            endpoint.build(),
            self.max_request_body,
            &self.settings.shutdown,
            self.grace,
            &self.settings.executing,
        );
        let Some(admin) = self.register else {
            serving.await;
            return Ok(());
        };
        let url = self
            .advertise
            .unwrap_or_else(|| format!("http://{address}"));
        let mut serving = std::pin::pin!(serving);
        // The server asks the worker what it serves before it answers.
        tokio::select! {
            () = &mut serving => return Ok(()),
            registered = register(&admin, &url, &self.served) => registered?,
        }
        serving.await;
        Ok(())
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("served", &self.served)
            .field("concurrency", &self.settings.concurrency)
            .finish_non_exhaustive()
    }
}

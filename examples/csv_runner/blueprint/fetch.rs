//! The request of a row, within the limits of the server: [`Endpoint`].

use std::time::{Duration, Instant};

use anyhow::anyhow;
use orchestrator::{Rate, StepContext, retry_after};
use reqwest::{StatusCode, Url};

use super::super::terminal::Terminal;
use super::http::HttpClient;
use super::request::{Failure, request};
use super::throttle::{Place, Throttle, Turn};

/// The URL that is fetched for each row, and the settings of the request.
pub(crate) struct Endpoint {
    http: HttpClient,
    /// May hold a password, so there is no `Debug` here.
    url: Url,
    timeout: Duration,
    max_throttle: Duration,
    throttle: Throttle,
}

/// The bounds of requests.
pub(crate) struct RequestLimits {
    /// How long one request may take.
    pub(crate) timeout: Duration,
    /// The most requests at once.
    pub(crate) concurrency: usize,
    /// The most requests in a time.
    pub(crate) rate: Rate,
    /// How long an attempt may be held back by the server before it counts as failed.
    pub(crate) max_throttle: Duration,
}

/// Why nothing was fetched.
#[derive(Debug)]
pub(super) enum Unfetched {
    /// The attempt failed.
    Failed(anyhow::Error),
    /// The run is being shut down, and the attempt was held back by the server.
    ShutDown,
}

impl Endpoint {
    /// The endpoint at `url`, or the built-in server's if `offline`.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be set up.
    pub(crate) fn new(url: Url, offline: bool, limits: &RequestLimits) -> anyhow::Result<Self> {
        Ok(Self {
            http: HttpClient::new(&url, limits.concurrency, limits.timeout, offline)?,
            url,
            timeout: limits.timeout,
            max_throttle: limits.max_throttle,
            throttle: Throttle::new(limits.concurrency, limits.rate),
        })
    }

    /// Sends a request, and repeats it as long as the server asks for a pause.
    ///
    /// The pause holds for all requests to the endpoint. It is waited for here, and not as a retry of the
    /// step, so that it counts as no attempt. What waits is at most one future for each request that may be
    /// under way; all other tasks wait for the step's `limit` as plain values.
    pub(super) async fn fetch(
        &self,
        cx: &StepContext,
        terminal: &Terminal,
    ) -> Result<StatusCode, Unfetched> {
        let mut place = None;
        let mut throttled_since = None;
        loop {
            let Some(turn) = self.turn(&mut place, cx).await else {
                return Err(Unfetched::ShutDown);
            };
            let (status, pause) = match request(&self.http, &self.url, self.timeout).await {
                Ok(status) => {
                    turn.succeeded();
                    return Ok(status);
                }
                Err(Failure::Failed(error)) => return Err(Unfetched::Failed(error)),
                Err(Failure::Throttled { status, pause }) => (status, pause),
            };
            let is_first_pause = turn.throttled(pause);
            drop(turn);
            if is_first_pause {
                let note = format!(
                    "HTTP {status}: the server asks for a pause of {pause:.0?}, for all requests"
                );
                terminal.note_async(note).await;
            }
            let since = *throttled_since.get_or_insert_with(Instant::now);
            if since.elapsed() + pause > self.max_throttle {
                let error = retry_after(anyhow!("HTTP {status}"), pause);
                return Err(Unfetched::Failed(error));
            }
        }
    }

    /// Waits until a request may be sent. Returns `None` if the run is shut down meanwhile.
    async fn turn<'a>(
        &'a self,
        place: &mut Option<Place<'a>>,
        cx: &StepContext,
    ) -> Option<Turn<'a>> {
        if let Some(turn) = self.throttle.try_turn() {
            return Some(turn);
        }
        let place = place.get_or_insert_with(|| self.throttle.line_up());
        tokio::select! {
            biased;
            () = cx.cancellation().cancelled_owned() => None,
            turn = place.turn() => Some(turn),
        }
    }
}

//! What a client says to a server's ingress: [`Ingress`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;

use super::address::{Address, explain};
use super::lanes::Lanes;
use super::{CANCELLED, FAILED, HANDLER};
use crate::distributed::{Completed, Failed};

/// A server's ingress, and how it goes.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) lanes: Lanes,
    pub(super) address: Address,
    /// How long it may be out of reach.
    pub(super) patience: Duration,
    reached: Mutex<Reached>,
}

/// When it was last reached.
#[derive(Debug, Default)]
struct Reached {
    last: Option<Instant>,
    first_try: Option<Instant>,
}

/// How long it is waited for as long as it was never reached: what is wrong then is the URL, mostly.
const FIRST: Duration = Duration::from_secs(5);

/// What came of a task that was submitted.
#[derive(Debug)]
pub(super) enum Answer {
    Completed(Completed),
    Failed(Failed),
    /// Somebody cancelled it, or ended it by force, before it could say so itself.
    Ended(String),
    /// There is none yet: ask again.
    None,
    /// There will be none for any task of the run.
    Never(anyhow::Error),
}

/// What the ingress says of an error.
#[derive(Deserialize)]
struct Said {
    message: String,
}

impl Ingress {
    pub(super) fn new(address: Address) -> anyhow::Result<Self> {
        let lanes = Lanes::new(address.is_encrypted());
        // What keeps a connection from being made shows now.
        drop(lanes.place()?);
        Ok(Self {
            lanes,
            address,
            patience: Duration::from_secs(300),
            reached: Mutex::default(),
        })
    }

    /// Submits a task, unless one was under this key, and waits for what comes of it.
    pub(super) async fn call(&self, service: &str, key: &str, body: String) -> Answer {
        self.reached().first_try.get_or_insert_with(Instant::now);
        let place = match self.lanes.place() {
            Ok(place) => place,
            Err(error) => return Answer::Never(error.into()),
        };
        let request = place
            .client()
            .post(self.address.join(&format!("{service}/{HANDLER}")))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body);
        match request.send().await {
            Ok(response) => self.answer(service, response).await,
            Err(error) => self.unreached(error),
        }
    }

    async fn answer(&self, service: &str, response: Response) -> Answer {
        let status = response.status();
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return self.unreached(error),
        };
        self.reached().last = Some(Instant::now());
        let said = || match serde_json::from_slice::<Said>(&body) {
            Ok(said) => said.message,
            Err(_) => String::from_utf8_lossy(&body).trim().to_owned(),
        };
        match status.as_u16() {
            200 => match serde_json::from_slice(&body) {
                Ok(completed) => Answer::Completed(completed),
                Err(error) => Answer::Never(anyhow::Error::new(error).context(format!(
                    "what serves `{service}` at {} is no worker of ours",
                    self.address
                ))),
            },
            FAILED => match serde_json::from_str(&said()) {
                Ok(failed) => Answer::Failed(failed),
                Err(_) => Answer::Ended(said()),
            },
            404 => Answer::Never(anyhow!(
                "no worker is registered at {} for `{service}`: start one, and register it",
                self.address
            )),
            401 | 403 => Answer::Never(anyhow!("{} refuses the client: {status}", self.address)),
            CANCELLED => Answer::Ended(said()),
            // It is going down, coming up, or has too much to do.
            429 | 502 | 503 | 504 => self.unreached_because(anyhow!("{status}: {}", said())),
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => Answer::Ended(said()),
            _ => Answer::Never(anyhow!(
                "{} refuses a task of `{service}`: {status}: {}",
                self.address,
                said()
            )),
        }
    }

    fn unreached(&self, error: reqwest::Error) -> Answer {
        self.unreached_because(explain(error, "the ingress", &self.address))
    }

    fn unreached_because(&self, why: anyhow::Error) -> Answer {
        let reached = self.reached();
        let (since, patience) = match (reached.last, reached.first_try) {
            (Some(last), _) => (last, self.patience),
            (None, Some(first)) => (first, self.patience.min(FIRST)),
            (None, None) => return Answer::None,
        };
        if since.elapsed() > patience {
            let why = Err::<(), _>(why).context(format!("out of reach for {patience:?}"));
            return why.map_or_else(Answer::Never, |()| Answer::None);
        }
        Answer::None
    }

    fn reached(&self) -> std::sync::MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

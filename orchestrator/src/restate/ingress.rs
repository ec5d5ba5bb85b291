//! What a client says to a server's ingress: [`Ingress`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::HANDLER;
use super::address::{Address, explain};
use super::answer::{Answer, ID, Response};
use super::lanes::Lanes;
use super::reach::Reach;

/// A server's ingress, and how it goes.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) lanes: Lanes,
    pub(super) address: Address,
    reach: Mutex<Reach>,
    looked: tokio::sync::Mutex<Option<Looked>>,
}

/// What was seen the last time that somebody looked.
#[derive(Debug)]
struct Looked {
    at: Instant,
    /// Whether it is well; or that nobody is there, and why.
    seen: Result<bool, String>,
}

/// For how long what was seen holds, and how long it may take to be seen.
const SEEN: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(5);

impl Ingress {
    pub(super) fn new(address: Address) -> anyhow::Result<Self> {
        let lanes = Lanes::new(address.is_encrypted());
        // What keeps a connection from being made shows now.
        drop(lanes.place()?);
        Ok(Self {
            lanes,
            address,
            reach: Mutex::default(),
            looked: tokio::sync::Mutex::default(),
        })
    }

    /// How it went so far.
    pub(super) fn reach(&self) -> MutexGuard<'_, Reach> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a task, unless one was under this key, and waits for what comes of it.
    pub(super) async fn call(&self, service: &str, key: &str, body: String) -> Answer {
        // A task may take hours to answer, and who never says anything would be waited for.
        let is_sure = self.reach().is_sure();
        if !is_sure && let Err(why) = self.look().await {
            return self.out_of_reach(anyhow::Error::msg(why));
        }
        match self.ask(service, key, body).await {
            Ok(answer) => answer,
            Err(why) if self.look().await == Ok(true) => Answer::Busy(why),
            Err(why) => self.out_of_reach(why),
        }
    }

    async fn ask(&self, service: &str, key: &str, body: String) -> anyhow::Result<Answer> {
        let explain = |error| explain(error, "the ingress", &self.address);
        let place = self.lanes.place()?;
        let request = place
            .client()
            .post(self.address.join(&format!("{service}/{HANDLER}")))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body);
        let response = request.send().await.map_err(explain)?;
        let (status, is_of_task) = (response.status(), response.headers().contains_key(ID));
        let body = response.bytes().await.map_err(explain)?;
        let response = Response {
            status,
            is_of_task,
            body: &body,
        };
        let answer = response.read(service, &self.address, self.reach().has_answered)?;
        if is_of_task {
            self.reach().answered();
        }
        Ok(answer)
    }

    fn out_of_reach(&self, why: anyhow::Error) -> Answer {
        match self.reach().is_out_for_too_long() {
            Some(patience) => Answer::Never(why.context(format!("out of reach for {patience:?}"))),
            None => Answer::None,
        }
    }

    /// Looks whether somebody is there, and well; one looks for all who want to know.
    async fn look(&self) -> Result<bool, String> {
        let mut looked = self.looked.lock().await;
        if let Some(Looked { at, seen }) = &*looked
            && at.elapsed() < SEEN
        {
            return seen.clone();
        }
        let seen = self.probe().await.map_err(|error| format!("{error:#}"));
        if seen == Ok(true) {
            self.reach().is_well();
        }
        *looked = Some(Looked {
            at: Instant::now(),
            seen: seen.clone(),
        });
        seen
    }

    async fn probe(&self) -> anyhow::Result<bool> {
        let place = self.lanes.place()?;
        let probe = place.client().get(self.address.join("restate/health"));
        let explain = |error| explain(error, "the ingress", &self.address);
        let answer = probe.timeout(PROBE).send().await.map_err(explain)?;
        let is_well = answer.status().is_success();
        let says = answer.bytes().await.map_err(explain)?;
        // A page for people is somebody else's.
        Ok(is_well && serde_json::from_slice::<Map<String, Value>>(&says).is_ok())
    }
}

//! What a client says to a server's ingress: [`Ingress`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::HANDLER;
use super::address::{Address, explain};
use super::answer::{Answer, ID, Response};
use super::lanes::Lanes;

/// A server's ingress, and how it goes.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) lanes: Lanes,
    pub(super) address: Address,
    /// How long it may be out of reach.
    patience: Duration,
    reached: Mutex<Reached>,
}

/// How it went so far.
#[derive(Debug, Default)]
struct Reached {
    /// Whether it ever answered for a task.
    ever: bool,
    /// Since when it gives none.
    out_since: Option<Instant>,
    /// When it last said that it is there.
    seen: Option<Instant>,
}

impl Reached {
    /// It has answered for a task.
    fn answered(&mut self) {
        *self = Self {
            ever: true,
            ..Self::default()
        };
    }

    /// It has said that it is there.
    fn saw(&mut self) {
        self.out_since = None;
        self.seen = Some(Instant::now());
    }

    /// Whether it has just said so.
    fn is_seen(&self) -> bool {
        self.seen.is_some_and(|at| at.elapsed() < SEEN)
    }

    /// It is out of reach: for longer than this?
    fn is_out_for(&mut self, patience: Duration) -> bool {
        let since = *self.out_since.get_or_insert_with(Instant::now);
        since.elapsed() > patience
    }
}

/// How long it is waited for as long as it was never reached: what is wrong then is the URL, mostly.
const FIRST: Duration = Duration::from_secs(5);

/// How long it counts as being there when it has said so, and how long it may take to say so.
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
            patience: Duration::from_secs(300),
            reached: Mutex::default(),
        })
    }

    /// Sets how long it may be out of reach, once it is known.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Submits a task, unless one was under this key, and waits for what comes of it.
    pub(super) async fn call(&self, service: &str, key: &str, body: String) -> Answer {
        match self.ask(service, key, body).await {
            Ok(answer) => answer,
            Err(why) => self.unreached(why).await,
        }
    }

    /// Whether it has answered for a task.
    pub(super) fn is_known(&self) -> bool {
        self.reached().ever
    }

    /// How long it may be out of reach, or refuse a task.
    pub(super) fn patience(&self) -> Duration {
        if self.is_known() {
            self.patience
        } else {
            self.patience.min(FIRST)
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
        let answer = response.read(service, &self.address, self.is_known())?;
        if is_of_task {
            self.reached().answered();
        }
        Ok(answer)
    }

    /// There was no answer, for this reason. It is asked for again, unless the server is out of reach for too
    /// long: a task may take hours to answer, so it is the server itself that is looked at.
    async fn unreached(&self, why: anyhow::Error) -> Answer {
        if self.reached().is_seen() {
            return Answer::None;
        }
        if self.is_there().await {
            self.reached().saw();
            return Answer::None;
        }
        let patience = self.patience();
        if self.reached().is_out_for(patience) {
            return Answer::Never(why.context(format!("out of reach for {patience:?}")));
        }
        Answer::None
    }

    /// Whether there is a server, and it takes requests.
    async fn is_there(&self) -> bool {
        let Ok(place) = self.lanes.place() else {
            return false;
        };
        let probe = place.client().get(self.address.join("restate/health"));
        let answer = probe.timeout(PROBE).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn to_have_been_seen_lasts_no_longer_for_being_asked() {
        let mut reached = Reached::default();
        reached.saw();
        for _ in 0..9 {
            tokio::time::advance(SEEN / 10).await;
            assert!(reached.is_seen());
        }
        tokio::time::advance(SEEN / 10).await;
        assert!(!reached.is_seen());
        assert!(!reached.is_out_for(SEEN));
        tokio::time::advance(SEEN * 2).await;
        assert!(reached.is_out_for(SEEN));
        reached.saw();
        assert!(!reached.is_out_for(SEEN));
    }
}

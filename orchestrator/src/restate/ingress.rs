//! What a client says to a server's ingress: [`Ingress`].

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{anyhow, bail};
use hyper::body::Bytes;
use reqwest::StatusCode;
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

/// How it went so far.
#[derive(Debug, Default)]
struct Reached {
    /// Whether it ever gave an answer.
    ever: bool,
    /// Since when it gives none.
    out_since: Option<Instant>,
    /// When it last said that it is there.
    seen: Option<Instant>,
}

impl Reached {
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

/// A server that is there, and does not take the task.
#[derive(Debug)]
struct NotForUs(String);

impl fmt::Display for NotForUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotForUs {}

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
        let answer = match self.send(service, key, body).await {
            Ok((status, body)) => self.read(service, status, &body),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                *self.reached() = Reached {
                    ever: true,
                    ..Reached::default()
                };
                answer
            }
            Err(why) => self.unreached(why).await,
        }
    }

    async fn send(
        &self,
        service: &str,
        key: &str,
        body: String,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let explain = |error| explain(error, "the ingress", &self.address);
        let place = self.lanes.place()?;
        let request = place
            .client()
            .post(self.address.join(&format!("{service}/{HANDLER}")))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body);
        let response = request.send().await.map_err(explain)?;
        let status = response.status();
        Ok((status, response.bytes().await.map_err(explain)?))
    }

    /// What an answer says; or an error, if it is none that an ingress gives of a task.
    fn read(&self, service: &str, status: StatusCode, body: &[u8]) -> anyhow::Result<Answer> {
        if status == StatusCode::OK {
            return Ok(serde_json::from_slice(body).map_or_else(
                |error| {
                    let what = format!("what serves `{service}` at {} is no worker", self.address);
                    Answer::Never(anyhow::Error::new(error).context(what))
                },
                Answer::Completed,
            ));
        }
        let Ok(Said { message }) = serde_json::from_slice(body) else {
            bail!(
                "{} answers {status}, and nothing that an ingress says",
                self.address
            );
        };
        Ok(match status.as_u16() {
            FAILED => match serde_json::from_str(&message) {
                Ok(failed) => Answer::Failed(failed),
                Err(_) => Answer::Ended(message),
            },
            CANCELLED | 500 => Answer::Ended(message),
            404 if !self.reached().ever => Answer::Never(anyhow!(
                "no worker is registered at {} for `{service}` ({message}): start one, and register it",
                self.address
            )),
            // A server that has just come up may not know yet; one that goes on so does not any more.
            404 => bail!(NotForUs(format!(
                "{} answers {status}: {message}",
                self.address
            ))),
            // It is going down, coming up, or has too much to do.
            429 | 502 | 503 | 504 => bail!("{} answers {status}: {message}", self.address),
            _ => Answer::Never(anyhow!(
                "{} refuses a task of `{service}`: {status}: {message}",
                self.address
            )),
        })
    }

    /// There was no answer, for this reason. It is asked for again, unless the server is out of reach for too
    /// long: a task may take hours to answer, so it is the server itself that is looked at.
    async fn unreached(&self, why: anyhow::Error) -> Answer {
        if !why.is::<NotForUs>() {
            if self.reached().is_seen() {
                return Answer::None;
            }
            if self.is_there().await {
                self.reached().saw();
                return Answer::None;
            }
        }
        let mut reached = self.reached();
        let patience = if reached.ever {
            self.patience
        } else {
            self.patience.min(FIRST)
        };
        if reached.is_out_for(patience) {
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

    fn read(status: u16, body: &str) -> anyhow::Result<Answer> {
        let ingress = Ingress {
            lanes: Lanes::new(false),
            address: Address::new("http://host:8080").unwrap(),
            patience: Duration::ZERO,
            reached: Mutex::default(),
        };
        ingress.read(
            "Ship",
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
        )
    }

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

    #[test]
    fn what_a_worker_says_is_an_answer() {
        let completed = read(200, r#"{"task": "t", "output": 7}"#).unwrap();
        assert!(matches!(completed, Answer::Completed(_)), "{completed:?}");
        let failed = r#"{"task":"t","step":"s","attempts":2,"kind":"timed_out","message":"late"}"#;
        let failed = serde_json::json!({ "code": 422, "message": failed }).to_string();
        let failed = read(422, &failed).unwrap();
        assert!(matches!(failed, Answer::Failed(_)), "{failed:?}");
    }

    #[test]
    fn a_task_that_was_ended_has_an_answer() {
        for status in [409, 500, 422] {
            let ended = read(status, r#"{"code": 409, "message": "killed"}"#).unwrap();
            assert!(matches!(ended, Answer::Ended(why) if why == "killed"));
        }
    }

    #[test]
    fn what_a_proxy_says_is_no_answer() {
        for status in [404, 500, 502, 503] {
            let error = read(status, "<html>secret</html>").unwrap_err().to_string();
            assert!(
                error.contains(&status.to_string()) && !error.contains("secret"),
                "{error}"
            );
        }
        for status in [429, 503] {
            read(status, r#"{"message": "later"}"#).unwrap_err();
        }
    }

    #[test]
    fn what_can_not_be_mended_ends_the_run() {
        for (status, body) in [
            (404, r#"{"message": "not found"}"#),
            (400, r#"{"message": "no"}"#),
        ] {
            let never = read(status, body).unwrap();
            assert!(matches!(never, Answer::Never(_)), "{never:?}");
        }
        assert!(matches!(read(200, "hello").unwrap(), Answer::Never(_)));
    }
}

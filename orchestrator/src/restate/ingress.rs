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
    looked: tokio::sync::Mutex<Option<Looked>>,
}

/// How it went so far.
#[derive(Debug, Default)]
struct Reached {
    /// Whether it ever answered for a task.
    ever: bool,
    /// Since when it is out of reach.
    out_since: Option<Instant>,
}

/// What was seen the last time that somebody looked.
#[derive(Debug)]
struct Looked {
    at: Instant,
    /// Whether it is well; or that nobody is there, and why.
    seen: Result<bool, String>,
}

/// How long it is waited for as long as it was never reached: what is wrong then is the URL, mostly.
const FIRST: Duration = Duration::from_secs(5);

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
            patience: Duration::from_secs(300),
            reached: Mutex::default(),
            looked: tokio::sync::Mutex::default(),
        })
    }

    /// Sets how long it may be out of reach, once it is known.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Submits a task, unless one was under this key, and waits for what comes of it.
    pub(super) async fn call(&self, service: &str, key: &str, body: String) -> Answer {
        // A task may take hours to answer, and who never says anything would be waited for.
        if !self.is_known()
            && let Err(why) = self.look().await
        {
            return self.out_of_reach(anyhow::Error::msg(why));
        }
        match self.ask(service, key, body).await {
            Ok(answer) => answer,
            Err(_) if self.look().await == Ok(true) => {
                self.reached().out_since = None;
                Answer::None
            }
            Err(why) => self.out_of_reach(why),
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
            *self.reached() = Reached {
                ever: true,
                out_since: None,
            };
        }
        Ok(answer)
    }

    /// It is out of reach, for this reason: it is asked again, unless it is so for too long.
    fn out_of_reach(&self, why: anyhow::Error) -> Answer {
        let patience = self.patience();
        let since = *self.reached().out_since.get_or_insert_with(Instant::now);
        if since.elapsed() > patience {
            return Answer::Never(why.context(format!("out of reach for {patience:?}")));
        }
        Answer::None
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
        *looked = Some(Looked {
            at: Instant::now(),
            seen: seen.clone(),
        });
        seen
    }

    async fn probe(&self) -> anyhow::Result<bool> {
        let place = self.lanes.place()?;
        let probe = place.client().get(self.address.join("restate/health"));
        let answer = probe.timeout(PROBE).send().await;
        let answer = answer.map_err(|error| explain(error, "the ingress", &self.address))?;
        Ok(answer.status().is_success())
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ingress that nobody is at.
    fn nobody() -> Ingress {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Ingress {
            lanes: Lanes::given(client),
            ..Ingress::new(Address::new("it", &address).unwrap()).unwrap()
        }
    }

    async fn call(ingress: &Ingress) -> Answer {
        ingress.call("Ship", "key", String::new()).await
    }

    #[tokio::test]
    async fn who_is_not_there_is_asked_again_until_the_patience_ends() {
        let mut ingress = nobody();
        ingress.set_patience(Duration::from_millis(100));
        assert!(matches!(call(&ingress).await, Answer::None));
        tokio::time::sleep(Duration::from_millis(150)).await;
        let Answer::Never(why) = call(&ingress).await else {
            panic!("it is still asked")
        };
        assert!(why.to_string().contains("out of reach for 100ms"));
    }
}

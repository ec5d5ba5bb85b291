//! Connections to an ingress, one for so many requests: [`Lanes`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;

/// How many requests are sent by one connection at once. A server takes no more than some 200, and what is
/// beyond that would wait for those.
const STREAMS: usize = 100;

/// How long a connection may take to be made, and be silent before it is asked whether it still stands.
const CONNECT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Clients with a connection each; or one that was given, whose connections are its own affair.
#[derive(Debug)]
pub(super) struct Lanes {
    given: Option<Client>,
    over_tls: bool,
    open: Mutex<Vec<Arc<Lane>>>,
}

#[derive(Debug)]
struct Lane {
    client: Client,
    requests: AtomicUsize,
}

/// A place for one request. It is given back by dropping it.
#[derive(Debug)]
pub(super) struct Place(Arc<Lane>);

impl Lanes {
    pub(super) fn new(over_tls: bool) -> Self {
        Self {
            given: None,
            over_tls,
            open: Mutex::default(),
        }
    }

    /// All requests are sent by this client.
    pub(super) fn given(client: Client) -> Self {
        Self {
            given: Some(client),
            ..Self::new(false)
        }
    }

    /// A place on a connection that has one free, or a new one.
    pub(super) fn place(&self) -> reqwest::Result<Place> {
        let mut lanes = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Requests are added under the lock alone.
        let free = |lane: &&Arc<Lane>| lane.requests.load(Ordering::Relaxed) < STREAMS;
        let lane = match (&self.given, lanes.iter().find(free)) {
            (None, Some(lane)) => Arc::clone(lane),
            (Some(client), _) => Arc::new(Lane::of(client.clone())),
            (None, None) => {
                let lane = Arc::new(Lane::of(self.client()?));
                lanes.push(Arc::clone(&lane));
                lane
            }
        };
        lane.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Place(lane))
    }

    fn client(&self) -> reqwest::Result<Client> {
        // A request is silent for as long as its task takes. So it is the connection that has to give signs of life.
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE * 2);
        if self.over_tls {
            // There it is agreed upon which version of HTTP is spoken.
            return client.build();
        }
        client.http2_prior_knowledge().build()
    }
}

impl Lane {
    fn of(client: Client) -> Self {
        Self {
            client,
            requests: AtomicUsize::new(0),
        }
    }
}

impl Place {
    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

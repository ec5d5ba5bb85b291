//! Which connections have carried an answer: [`Answered`].

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;

/// How many numbers a port can have, by words of 64 bits.
const WORDS: usize = (1 << 16) / 64;

/// The local ports of connections that have carried an answer.
///
/// `reqwest` does not tell whether a request that failed was the first one on its connection. This is a bit for
/// each port, so that a request costs one load where the connection is known. A port that the system gives to
/// a later connection counts as known, which costs one needless request if that connection breaks.
pub(super) struct Answered(Box<[AtomicU64]>);

impl Answered {
    pub(super) fn new() -> Self {
        Self((0..WORDS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes that this answer's connection has carried one.
    pub(super) fn note(&self, answer: &Response) {
        if let Some(info) = answer.extensions().get::<HttpInfo>() {
            self.insert(info.local_addr().port());
        }
    }

    /// Whether the connection that a request failed on had carried an answer before. Returns `false` if the
    /// request had no connection.
    pub(super) fn is_known(&self, error: &reqwest::Error) -> bool {
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let connected = causes
            .find_map(|cause| cause.downcast_ref::<legacy::Error>())
            .and_then(legacy::Error::connect_info);
        let mut extensions = Extensions::new();
        if let Some(connected) = connected {
            connected.get_extras(&mut extensions);
        }
        let info = extensions.get::<HttpInfo>();
        info.is_some_and(|info| self.contains(info.local_addr().port()))
    }

    fn insert(&self, port: u16) {
        let (word, bit) = self.place(port);
        // Mostly it is there, and threads do not contend for what they only read.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn contains(&self, port: u16) -> bool {
        let (word, bit) = self.place(port);
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn place(&self, port: u16) -> (&AtomicU64, u64) {
        (&self.0[usize::from(port / 64)], 1 << (port % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ports_are_known_once_they_are_inserted(
            ports in prop::collection::hash_set(any::<u16>(), 0..50),
            others in prop::collection::hash_set(any::<u16>(), 0..50),
        ) {
            let answered = Answered::new();
            for port in &ports {
                answered.insert(*port);
            }
            let known = |port: &&u16| answered.contains(**port);
            let found: HashSet<u16> = ports.union(&others).filter(known).copied().collect();
            prop_assert_eq!(found, ports);
        }
    }
}

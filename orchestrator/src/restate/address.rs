//! Where a server is: [`Address`].

use std::fmt;

use anyhow::{Context as _, ensure};
use reqwest::Url;

/// The root of one of a server's APIs. It displays without what may be secret in it.
#[derive(Clone, Debug)]
pub(super) struct Address(Url);

impl Address {
    /// `what` is what people know it by. The URL itself is not repeated: it may hold a password.
    pub(super) fn new(what: &str, url: &str) -> anyhow::Result<Self> {
        let mut url: Url = url
            .parse()
            .with_context(|| format!("{what} is no URL of the scheme http or https"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https") && url.has_host(),
            "{what} is no URL of the scheme http or https"
        );
        ensure!(url.query().is_none(), "{what} has a query");
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The URL of a resource below it.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}{path}", url.path());
        url.set_path(&path);
        url
    }

    pub(super) fn has_secrets(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // These fail only where there is no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

/// Why there was no answer, without the URL, which may hold a password.
pub(super) fn explain(error: reqwest::Error, what: &str, address: &Address) -> anyhow::Error {
    anyhow::Error::new(error.without_url()).context(format!("cannot reach {what} at {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_and_not_shown() {
        let address = Address::new("it", "http://me:secret@host:8080/base").unwrap();
        assert_eq!(address.to_string(), "http://host:8080/base");
        let url = address.join("Ship/run");
        assert_eq!(url.as_str(), "http://me:secret@host:8080/base/Ship/run");
        for bad in ["me:secret@host", "ftp://me:secret@host/", "http://secret@"] {
            let error = format!("{:#}", Address::new("it", bad).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

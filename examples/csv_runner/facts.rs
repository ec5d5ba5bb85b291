//! What a journal's run must have in common with the one that goes on with it: [`Facts`].

use std::fmt::Write as _;
use std::num::NonZeroU32;

use orchestrator::Journal;
use reqwest::Url;
use ring::pbkdf2;

/// How often what is secret is hashed: one is not found by trying many.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// The name of the fact that says how many rows there are; `status` looks for it.
pub(crate) const ROWS: &str = "the number of rows";

/// What is fetched, and from where.
pub(crate) struct Facts<'a> {
    /// The hash of the tasks file.
    pub(crate) input: u128,
    /// How many good rows it has.
    pub(crate) rows: u64,
    /// None if the built-in server answers: its address is another one each time.
    pub(crate) url: Option<&'a Url>,
    pub(crate) skip_bad_rows: bool,
}

impl Facts<'_> {
    /// The journal, with these facts.
    pub(crate) fn of(&self, journal: Journal) -> Journal {
        let url = self
            .url
            .map_or_else(|| "offline".to_owned(), without_secrets);
        let skip = if self.skip_bad_rows { "yes" } else { "no" };
        journal
            .fact("the input", format!("xxh3:{:032x}", self.input))
            .fact("the URL", url)
            .fact("--skip-bad-rows", skip)
            .fact(ROWS, self.rows.to_string())
    }
}

/// The URL with a hash in place of its user name, password and query.
fn without_secrets(url: &Url) -> String {
    let [user, password, query] = [
        url.username(),
        url.password().unwrap_or_default(),
        url.query().unwrap_or_default(),
    ];
    let mut shown = url.clone();
    // They can't be set where there is no host, which is so with no URL of HTTP.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    // Not sent.
    shown.set_fragment(None);
    if user.is_empty() && password.is_empty() && query.is_empty() {
        return shown.into();
    }
    // No part of a URL contains a zero byte.
    let secret = [user, password, query].join("\0");
    let mut hash = [0; 16];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ROUNDS,
        shown.as_str().as_bytes(),
        secret.as_bytes(),
        &mut hash,
    );
    let mut text = format!("{shown} with secrets of hash ");
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(url: &str) -> String {
        without_secrets(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_url_without_secrets_is_stored_as_it_is() {
        assert_eq!(stored("http://host:81/a/b#c"), "http://host:81/a/b");
    }

    #[test]
    fn secrets_are_told_apart_by_a_hash() {
        let urls = [
            "http://host/",
            "http://me@host/",
            "http://me:you@host/",
            "http://:you@host/",
            "http://host/?me",
            "http://me:you@host/?me",
        ];
        let stored = urls.map(stored);
        for (at, text) in stored.iter().enumerate() {
            assert!(text.starts_with("http://host/"), "{text}");
            assert!(!text.contains("me") && !text.contains("you"), "{text}");
            assert!(!stored[..at].contains(text), "{text}");
        }
        assert_eq!(stored[2], super::tests::stored(urls[2]));
    }
}

//! One request, and which of its errors another request may mend: [`fetch`].

use std::error::Error;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use orchestrator::{permanent, retry_after};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::http::HttpClient;

/// The longest body that is read.
const LONGEST_BODY: u64 = 1024 * 1024;
/// The longest that a server may ask to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// `GET url`, and its body to the end.
///
/// # Errors
///
/// If there is no whole answer, or none of success. Those that another request will not mend are
/// marked [`permanent`]. No message contains the URL, which may hold a password.
pub(super) async fn fetch(http: &HttpClient, url: &Url) -> anyhow::Result<StatusCode> {
    let response = http.get(url).await.map_err(no_answer)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, response.headers()));
    }
    read(response).await?;
    Ok(status)
}

/// Reads the body and forgets it, so that the connection can be used again.
async fn read(mut response: Response) -> anyhow::Result<()> {
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        length += chunk.len() as u64;
        if length > LONGEST_BODY {
            return Err(permanent(anyhow!("the body is longer than 1 MiB")));
        }
    }
    Ok(())
}

/// The request had no answer, or none that is whole.
fn no_answer(error: reqwest::Error) -> anyhow::Error {
    let what = if error.is_builder() {
        "cannot make the request"
    } else if error.is_redirect() {
        "redirected too often"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_timeout() {
        "timed out"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed"
    };
    // Only the innermost cause: those above it repeat `what`, and one of them names the URL.
    let error = error.without_url();
    let message = match innermost(&error) {
        Some(cause) => anyhow!("{what}: {cause}"),
        None => anyhow!("{what}"),
    };
    if error.is_builder() || error.is_redirect() {
        permanent(message)
    } else {
        message
    }
}

fn innermost(error: &reqwest::Error) -> Option<&(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source()).last()
}

/// The server answered, but not with success.
fn refused(status: StatusCode, headers: &HeaderMap) -> anyhow::Error {
    let error = anyhow!("HTTP {status}");
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return permanent(error);
    }
    match pause_asked_for(headers, SystemTime::now()) {
        Some(pause) => retry_after(error, pause),
        None => error,
    }
}

/// What `Retry-After` says, in seconds or as a date; nothing if it says now.
fn pause_asked_for(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(now)
            .ok()?,
    };
    (!pause.is_zero()).then_some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn pause(value: &'static str) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        pause_asked_for(&headers, now)
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_as_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(pause(date), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_pause_is_bounded() {
        assert_eq!(pause("86400"), Some(LONGEST_PAUSE));
        assert_eq!(pause("18446744073709551615"), Some(LONGEST_PAUSE));
        assert_eq!(pause("Sat, 06 Nov 2094 08:50:07 GMT"), Some(LONGEST_PAUSE));
    }

    #[test]
    fn what_asks_for_no_pause_gets_the_usual_one() {
        for value in ["0", "", "soon", "-3", "Sun, 06 Nov 1994 08:00:00 GMT"] {
            assert_eq!(pause(value), None, "{value}");
        }
    }
}

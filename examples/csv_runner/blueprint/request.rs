//! One request, and how it may fail: [`request`].

use std::error::Error;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use orchestrator::{permanent, retry_after};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use super::certificate::refused_certificate;
use super::http::HttpClient;
use super::retry_after::pause_asked_for;

/// The longest body that is read.
const LONGEST_BODY: u64 = 1024 * 1024;
/// The longest body of an error that is read.
const LONGEST_ERROR_BODY: u64 = 64 * 1024;
/// The longest time for which the body of an error is read.
const LONGEST_DRAIN: Duration = Duration::from_secs(1);

/// How a request fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server asks for a pause, by 429 or 503 with `Retry-After`.
    Throttled { status: StatusCode, pause: Duration },
    /// There is no whole answer, or it is not a success. Errors that another request would not mend are
    /// marked [`permanent`].
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Sends `GET url`, and reads the body of the answer to its end, within `timeout`.
///
/// # Errors
///
/// If there is no whole answer, or it is not a success. No message contains the URL, which may hold a
/// password.
pub(super) async fn request(
    http: &HttpClient,
    url: &Url,
    timeout: Duration,
) -> Result<StatusCode, Failure> {
    let deadline = deadline(timeout);
    let answer = async {
        let response = http.get(url).await.map_err(no_answer)?;
        let status = response.status();
        if !status.is_success() {
            return Ok(Err(response));
        }
        read(response).await?;
        Ok::<_, anyhow::Error>(Ok(status))
    };
    let answer = timeout_at(deadline, answer).await;
    let response = match answer.map_err(|_| anyhow!("timed out after {timeout:?}"))?? {
        Ok(status) => return Ok(status),
        Err(response) => response,
    };
    let failure = refused(response.status(), response.headers());
    let soon = deadline.min(Instant::now() + LONGEST_DRAIN);
    // The answer is known, whatever becomes of its body.
    let _ = timeout_at(soon, drain(response)).await;
    Err(failure)
}

fn deadline(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + YEAR)
}

/// Reads the body and drops it, so that the connection can be used again.
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

/// Reads the body of an error, so that the connection can be used again, unless a new connection costs less.
async fn drain(mut response: Response) {
    let mut length = response.content_length().unwrap_or(0);
    if length > LONGEST_ERROR_BODY {
        return;
    }
    length = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        length += chunk.len() as u64;
        if length > LONGEST_ERROR_BODY {
            return;
        }
    }
}

/// Describes why there is no whole answer.
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
    let error = error.without_url();
    if let Some(why) = refused_certificate(&error) {
        return permanent(anyhow!("{what}: {why}"));
    }
    // Only the innermost cause: those above it repeat `what`.
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

/// Describes an answer that is not a success.
fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let error = if !is_redirect(status) {
        anyhow!("HTTP {status}")
    } else if headers.contains_key(LOCATION) {
        anyhow!("HTTP {status} with a Location that is not a URL")
    } else {
        anyhow!("HTTP {status} without a Location")
    };
    if !may_pass(status) {
        return permanent(error).into();
    }
    match pause_asked_for(headers, SystemTime::now()) {
        Some(pause) if is_throttled(status) => Failure::Throttled { status, pause },
        Some(pause) => retry_after(error, pause).into(),
        None => error.into(),
    }
}

/// Whether a redirect to `Location` is followed, so that it is an answer only where that is not possible.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Whether the same request may succeed later: 408 and 425 ask to repeat it, 421 is about the connection, and
/// 429 and 5xx about the state of the server.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 421 | 425 | 429) || status.is_server_error()
}

/// Whether `Retry-After` with this status is about the server, and not about the one request.
fn is_throttled(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

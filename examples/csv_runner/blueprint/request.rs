//! One request, and how it may fail: [`request`].

use std::error::Error;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use orchestrator::{permanent, retry_after};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};

use super::http::HttpClient;
use super::retry_after::pause_asked_for;

/// The longest body that is read.
const LONGEST_BODY: u64 = 1024 * 1024;

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

/// Sends `GET url`, and reads the body of the answer to its end.
///
/// # Errors
///
/// If there is no whole answer, or it is not a success. No message contains the URL, which may hold a
/// password.
pub(super) async fn request(http: &HttpClient, url: &Url) -> Result<StatusCode, Failure> {
    let response = http.get(url).await.map_err(no_answer)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, response.headers()));
    }
    read(response).await?;
    Ok(status)
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

/// Describes an answer that is not a success.
fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let error = anyhow!("HTTP {status}");
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return permanent(error).into();
    }
    match pause_asked_for(headers, SystemTime::now()) {
        Some(pause) if is_throttled(status) => Failure::Throttled { status, pause },
        Some(pause) => retry_after(error, pause).into(),
        None => error.into(),
    }
}

/// Whether `Retry-After` with this status is about the server, and not about the one request.
fn is_throttled(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

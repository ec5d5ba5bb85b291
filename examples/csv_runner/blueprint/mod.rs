//! The steps of a row: [`ProcessData`].
//!
//! - [`process_data`], [`status_code`]: the blueprint, and how a journal stores its values
//! - [`fetch`]: the endpoint, and how long a row may be held back
//! - [`throttle`], [`retry_after`]: the pauses that a server asks for, for all rows together
//! - [`request`], [`certificate`]: one request, and why it fails
//! - [`http`], [`answered`], [`proxy`]: the HTTP client, its connections and its proxies

mod answered;
mod certificate;
mod fetch;
mod http;
mod process_data;
mod proxy;
mod request;
mod retry_after;
mod status_code;
mod throttle;

pub(crate) use fetch::{Endpoint, RequestLimits};
pub(crate) use http::install_crypto;
pub(crate) use process_data::{Fetched, ProcessData, TaskInput};

//! What is done for a row: [`ProcessData`].

mod certificate;
mod fetch;
mod http;
mod opened;
mod process_data;
mod proxy;
mod request;
mod retry_after;
mod status_code;
mod throttle;

pub(crate) use fetch::{Endpoint, RequestLimits};
pub(crate) use http::install_crypto;
pub(crate) use process_data::{Fetched, ProcessData, TaskInput};

//! What is done for a row: [`ProcessData`].

mod fetch;
mod http;
mod opened;
mod process_data;
mod status_code;

pub(crate) use http::{HttpClient, install_crypto};
pub(crate) use process_data::{Fetched, ProcessData, TaskInput};

//! The HTTP client that all requests go through: [`client`].

use anyhow::Context as _;
use reqwest::{Client, ClientBuilder, Url};
use rustls::crypto::ring;

/// Makes it `ring` that TLS is done with, by every client of this process.
pub(crate) fn install_crypto() {
    // Another one can only have been installed by this function.
    let _ = ring::default_provider().install_default();
}

/// A client for requests to `url`, which the built-in server answers if `offline`.
pub(crate) fn client(url: &Url, concurrency: usize, offline: bool) -> anyhow::Result<Client> {
    install_crypto();
    let builder = || {
        Client::builder()
            .user_agent(concat!("csv_runner/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(concurrency)
    };
    let without_certificates = |builder: ClientBuilder| builder.tls_certs_only([]).build();
    let client = if offline {
        without_certificates(builder().no_proxy())
    } else {
        match builder().build() {
            // A machine without certificates can still fetch what needs none.
            Err(_) if url.scheme() == "http" => without_certificates(builder()),
            built => built,
        }
    };
    client.context("cannot set up the HTTP client")
}

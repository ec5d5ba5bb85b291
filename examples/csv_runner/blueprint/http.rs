//! The HTTP client that all requests go through: [`HttpClient`].

use std::error::Error;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, ClientBuilder, Proxy, Response, Url};
use rustls::crypto::ring;

use super::answered::Answered;
use super::proxy::Proxies;

/// The longest time that connecting may take.
const LONGEST_CONNECT: Duration = Duration::from_secs(30);

/// Makes `ring` the TLS implementation of every client in this process.
pub(crate) fn install_crypto() {
    // Another one can only have been installed by this function.
    let _ = ring::default_provider().install_default();
}

/// Sends GET requests over a pool of connections.
pub(crate) struct HttpClient {
    pooled: Client,
    /// Opens a connection for each request.
    unpooled: Client,
    answered: Answered,
}

impl HttpClient {
    /// A client for requests to `url` that keeps up to `concurrency` idle connections.
    ///
    /// Connecting may take half of `timeout`, the time that a request may take, and at most 30 s. Several
    /// addresses of one family share that time evenly. IPv4 and IPv6 are tried side by side, the second
    /// one 300 ms later.
    ///
    /// # Errors
    ///
    /// If the environment names a proxy that is malformed, or if TLS cannot be set up, for example because
    /// this machine has no certificates.
    pub(crate) fn new(
        url: &Url,
        concurrency: usize,
        timeout: Duration,
        offline: bool,
    ) -> anyhow::Result<Self> {
        install_crypto();
        let proxies = if offline {
            None
        } else {
            Proxies::from_environment(|name| std::env::var_os(name))?
        };
        let with_idle = |idle| {
            build(url, offline, || {
                let settings = settings(timeout).pool_max_idle_per_host(idle);
                match proxies.clone() {
                    Some(proxies) => {
                        settings.proxy(Proxy::custom(move |url| proxies.intercept(url)))
                    }
                    None => settings.no_proxy(),
                }
            })
        };
        let clients = with_idle(concurrency).and_then(|pooled| {
            let unpooled = with_idle(0)?;
            Ok(Self {
                pooled,
                unpooled,
                answered: Answered::new(),
            })
        });
        clients.context("cannot set up the HTTP client")
    }

    /// Sends `GET url`, follows redirects, and returns the head of the answer.
    ///
    /// A server may close an idle connection at the moment at which it is used again. Such a request is
    /// sent once more, on a new connection, as RFC 9110 (section 9.2.2) allows for GET. A new connection
    /// that breaks before the answer is an error.
    pub(super) async fn get(&self, url: &Url) -> reqwest::Result<Response> {
        let answer = self.pooled.get(url.clone()).send().await;
        match &answer {
            Ok(answer) => self.answered.note(answer),
            Err(error) if is_lost_connection(error) && self.answered.is_known(error) => {
                // From the pool the request could get a connection that is just as stale.
                return self.unpooled.get(url.clone()).send().await;
            }
            Err(_) => {}
        }
        answer
    }
}

fn build(
    url: &Url,
    offline: bool,
    settings: impl Fn() -> ClientBuilder,
) -> reqwest::Result<Client> {
    let without_certificates = |builder: ClientBuilder| builder.tls_certs_only([]).build();
    if offline {
        return without_certificates(settings());
    }
    match settings().build() {
        // A machine without certificates can still fetch over plain HTTP.
        Err(_) if url.scheme() == "http" => without_certificates(settings()),
        built => built,
    }
}

fn settings(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("csv_runner/", env!("CARGO_PKG_VERSION")))
        // It would carry the query, which may hold a secret, to the host of a redirect.
        .referer(false)
        .connect_timeout((timeout / 2).min(LONGEST_CONNECT))
}

/// Whether the connection broke before the head of the answer was complete.
fn is_lost_connection(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    std::iter::successors(error.source(), |cause| (*cause).source()).any(|cause| {
        if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            error.is_incomplete_message() || error.is_canceled()
        } else if let Some(error) = cause.downcast_ref::<io::Error>() {
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            )
        } else {
            false
        }
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;

    /// Listens at an address whose queue of connections is full: packets to it are dropped.
    async fn drop_packets_at(address: SocketAddr) -> io::Result<(TcpListener, Vec<TcpStream>)> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(address)?;
        let listener = socket.listen(0)?;
        let mut queued = Vec::new();
        let soon = Duration::from_millis(50);
        while let Ok(connected) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
            queued.push(connected?);
        }
        Ok((listener, queued))
    }

    #[tokio::test]
    async fn the_second_address_is_used_when_the_first_one_drops_packets() {
        let (server, dropping) = loop {
            let server = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0))
                .await
                .unwrap();
            let port = server.local_addr().unwrap().port();
            // The port may be taken at this address.
            if let Ok(dropping) = drop_packets_at((Ipv4Addr::LOCALHOST, port).into()).await {
                break (server, dropping);
            }
        };
        let addresses = [
            dropping.0.local_addr().unwrap(),
            server.local_addr().unwrap(),
        ];
        tokio::spawn(async move {
            let (mut connection, _) = server.accept().await.unwrap();
            let mut head = [0; 1024];
            assert!(connection.read(&mut head).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            connection.write_all(answer).await.unwrap();
        });
        install_crypto();
        let url = format!("http://two.test:{}/", addresses[0].port());
        let url = Url::parse(&url).unwrap();
        let timeout = Duration::from_secs(1);
        let client = build(&url, true, || {
            settings(timeout).resolve_to_addrs("two.test", &addresses)
        });
        let client = client.unwrap();
        let begun = Instant::now();
        let answer = client.get(url).send().await.unwrap();
        assert!(answer.status().is_success());
        assert!(begun.elapsed() < timeout);
    }
}

//! A small HTTP server on loopback that answers in place of the endpoint: [`start`].

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::net::TcpListener;

const ANSWER: &[u8] = b"{\"offline\": true}\n";

/// Starts the server, and tells its address. It answers `200 OK` to whatever it is asked, for as
/// long as the runtime lives.
pub(crate) async fn start() -> io::Result<Url> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener));
    Url::parse(&format!("http://{address}/")).map_err(io::Error::other)
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service_fn(answer));
                // A connection that breaks off is the client's to notice.
                tokio::spawn(async { serving.await.ok() });
            }
            // No descriptor is left, for example: what is being served goes on and frees some.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

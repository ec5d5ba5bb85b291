//! Making a worker known to a server: [`register`].

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::address::{Address, explain};
use super::answer::Said;
use super::{PIPELINE, STEPS};

/// How long a server that is not there is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// What a worker serves.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) name: &'static str,
    pub(super) pipeline: String,
}

/// What a server knows of a URL.
#[derive(Debug, Deserialize)]
struct Known {
    services: Vec<KnownService>,
}

#[derive(Debug, Deserialize)]
struct KnownService {
    name: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// Makes what is served at `url` known to the server whose admin API is at `admin`.
///
/// A server does not ask again at a URL that it knows. So it is told to, unless a blueprint is gone or has
/// other steps than it had: its tasks that are under way would be called with these.
pub(super) async fn register(admin: &str, url: &str, served: &[Served]) -> anyhow::Result<()> {
    // It is in the server's messages, too, so it has nothing in it that is secret.
    let address = Address::new("the URL to advertise", url)?;
    ensure!(
        !address.has_secrets(),
        "the URL to advertise has a user name or a password"
    );
    let url: Url = url.parse()?;
    let admin = Address::new("the URL of the admin API", admin)?;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let known = post(&client, &admin, &url, false).await?;
    for service in &known.services {
        let served = served.iter().find(|served| served.name == service.name);
        let Some(Served { name, pipeline }) = served else {
            bail!(
                "{url} is known to the server with `{}`, too, which is not served here: serve it until its tasks are through, or advertise a URL of its own",
                service.name
            );
        };
        let before = service.metadata.get(PIPELINE);
        let steps = service.metadata.get(STEPS).map_or("none", String::as_str);
        ensure!(
            before == Some(pipeline),
            "{url} is known to the server with other steps of `{name}` ({steps}): advertise the new code at a URL of its own, and keep the old one served until its tasks are through"
        );
    }
    // What is new is asked for now: other blueprints, other settings.
    post(&client, &admin, &url, true).await?;
    Ok(())
}

async fn post(client: &Client, admin: &Address, url: &Url, force: bool) -> anyhow::Result<Known> {
    let until = Instant::now() + PATIENCE;
    let body = json!({ "uri": url.as_str(), "force": force }).to_string();
    loop {
        let request = client
            .post(admin.join("deployments"))
            .header("content-type", "application/json")
            .body(body.clone());
        let answer = async {
            let answer = request.send().await?;
            Ok((answer.status(), answer.bytes().await?))
        };
        let (status, body) = match answer.await {
            Ok(answer) => answer,
            // It is not there yet, or not any more: it may have been ended at this moment.
            Err(_) if Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(explain(error, "the admin API", admin)),
        };
        match status {
            status if status.is_success() => {
                return serde_json::from_slice(&body).with_context(|| {
                    format!("the admin API at {admin} gave no answer of its own")
                });
            }
            // It does not lead a cluster yet, or is not behind its proxy yet.
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE if Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            status => match serde_json::from_slice(&body) {
                Ok(Said { message }) => {
                    bail!("the server at {admin} does not register {url}: {status}: {message}")
                }
                // Whose page it is is not known: it is not repeated.
                Err(_) => bail!("{admin} answers {status}, and nothing that an admin API says"),
            },
        }
    }
}

//! A polite crawler: what is cached needs no request, no more than two requests are under way at once,
//! twenty begin in a second, and what fails is tried again.
//!
//! ```sh
//! cargo run --example crawler
//! ```

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use orchestrator::{Orchestrator, Rate, StepContext, Task, blueprint};

/// Where pages come from; in the tests of a real crawler, a map.
trait Web: Send + Sync + 'static {
    fn get(&self, path: &str, attempt: u32) -> impl Future<Output = anyhow::Result<String>> + Send;
}

/// A web of one's own, in which the first request for each odd page fails.
struct Pretended;

impl Web for Pretended {
    async fn get(&self, path: &str, attempt: u32) -> anyhow::Result<String> {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let is_odd = path.ends_with(['1', '3', '5', '7', '9']);
        anyhow::ensure!(attempt > 1 || !is_odd, "503 Service Unavailable");
        Ok(format!("<title>Page {path}</title>"))
    }
}

/// What the steps share.
struct Crawl<W> {
    web: W,
    cache: HashMap<String, String>,
    quota: Rate,
}

/// A page that was fetched.
struct Page {
    path: String,
    body: String,
}

#[blueprint(name = "crawl")]
impl<W: Web> Crawl<W> {
    /// A title that is known ends the task.
    #[step]
    async fn look_up(&self, path: &String) -> ControlFlow<String> {
        match self.cache.get(path) {
            Some(title) => ControlFlow::Break(title.clone()),
            None => ControlFlow::Continue(()),
        }
    }

    #[step(limit = 2, rate = self.quota, timeout = "1s", retry(times = 2, backoff = "20ms"))]
    async fn fetch(&self, path: String, cx: &StepContext) -> anyhow::Result<Page> {
        let body = self.web.get(&path, cx.attempt()).await?;
        Ok(Page { path, body })
    }

    /// The server is to rest between a page and what is made of it.
    #[delay]
    fn politeness(&self) -> Duration {
        Duration::from_millis(50)
    }

    #[step]
    async fn extract_title(&self, page: Page) -> anyhow::Result<String> {
        let title = page.body.strip_prefix("<title>");
        let title = title.and_then(|rest| rest.strip_suffix("</title>"));
        match title {
            Some(title) => Ok(title.to_owned()),
            None => Err(anyhow::anyhow!("{} has no title", page.path)),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let crawl = Crawl {
        web: Pretended,
        cache: HashMap::from([("/0".to_owned(), "Page /0, from the cache".to_owned())]),
        quota: Rate::per_second(20),
    };
    let tasks = (0..6).map(|number| Task::new(number, format!("/{number}")));
    for result in Orchestrator::new(crawl).execute_tasks(tasks).await? {
        // Not by `println!`, which panics when the reader has gone away, as `head -1` does.
        let written = match result.outcome {
            Ok(title) => writeln!(io::stdout(), "{}: {title}", result.id),
            Err(error) => writeln!(io::stdout(), "{}: {error}", result.id),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// Notes when it was asked for what.
    #[derive(Default)]
    struct Noting(Mutex<Vec<(Instant, String)>>);

    impl Web for &'static Noting {
        async fn get(&self, path: &str, _: u32) -> anyhow::Result<String> {
            self.0
                .lock()
                .unwrap()
                .push((Instant::now(), path.to_owned()));
            Ok("<title>noted</title>".to_owned())
        }
    }

    async fn crawl<W: Web>(web: W, count: u64) -> Vec<Result<String, String>> {
        let crawl = Crawl {
            web,
            cache: HashMap::from([("/0".to_owned(), "cached".to_owned())]),
            quota: Rate::per_second(20),
        };
        let tasks = (0..count).map(|number| Task::new(number, format!("/{number}")));
        let results = Orchestrator::new(crawl).execute_tasks(tasks).await.unwrap();
        results
            .into_iter()
            .map(|result| result.outcome.map_err(|error| error.to_string()))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cached_is_not_asked_for_and_the_rest_no_more_often_than_agreed() {
        let web: &'static Noting = Box::leak(Box::default());
        let titles = crawl(web, 100).await;
        assert_eq!(titles[0].as_deref(), Ok("cached"));
        assert!(
            titles[1..]
                .iter()
                .all(|title| title.as_deref() == Ok("noted"))
        );
        let asked = web.0.lock().unwrap().clone();
        assert_eq!(asked.len(), 99);
        assert!(asked.iter().all(|(_, path)| path != "/0"));
        let took = asked[98].0.duration_since(asked[0].0);
        assert!(took >= Duration::from_millis(98 * 50), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again() {
        assert_eq!(crawl(Pretended, 4).await[3].as_deref(), Ok("Page /3"));
    }
}

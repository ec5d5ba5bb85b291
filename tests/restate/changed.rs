//! Code that is changed while tasks are under way, and who may call a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use orchestrator::restate::{Client, Worker};
use orchestrator::{Task, TaskResult, blueprint};
use tokio::net::TcpListener;

use crate::server::Server;
use crate::worker::Working;

/// How often the last step ran, of the old code and of the new.
type Counts = Arc<[AtomicU32; 2]>;

/// The code as it is at first.
mod before {
    use super::{AtomicU32, Counts, Duration, Ordering, blueprint};

    pub(crate) struct Mail(pub(crate) Counts);

    #[blueprint]
    impl Mail {
        #[step]
        async fn write(&self, to: u64) -> String {
            format!("to {to}")
        }

        #[delay]
        fn sleep_over_it(&self) -> Duration {
            Duration::from_millis(1_500)
        }

        #[step]
        async fn send(&self, mail: String) -> String {
            AtomicU32::fetch_add(&self.0[0], 1, Ordering::Relaxed);
            format!("sent {mail}")
        }
    }
}

/// The code as it is then.
mod after {
    use super::{AtomicU32, Counts, Duration, Ordering, blueprint};

    pub(crate) struct Mail(pub(crate) Counts);

    #[blueprint]
    impl Mail {
        #[step]
        async fn write(&self, to: u64) -> String {
            format!("to {to}")
        }

        #[delay]
        fn sleep_over_it(&self) -> Duration {
            Duration::from_millis(1_500)
        }

        #[step]
        async fn check(&self, mail: &String) {
            assert!(!mail.is_empty());
        }

        #[step]
        async fn send(&self, mail: String) -> String {
            AtomicU32::fetch_add(&self.0[1], 1, Ordering::Relaxed);
            format!("sent {mail} with care")
        }
    }
}

fn start(server: &Server, run: &str) -> tokio::task::JoinHandle<Vec<TaskResult<String>>> {
    let client = Client::<before::Mail>::new(server.ingress()).unwrap();
    let orchestrator = client.run(run).unwrap().orchestrator();
    let tasks = (0..3).map(|id| Task::new(id, id));
    let results = orchestrator.execute_tasks_streaming(stream::iter(tasks));
    tokio::spawn(async { results.try_collect().await.unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn new_code_at_a_url_of_its_own_takes_new_tasks_and_the_old_goes_on() {
    let (server, counts) = (Server::start().await, Counts::default());
    let _old = Working::on(&server, before::Mail(counts.clone())).await;
    let old = start(&server, "old");
    server.has_waiting(3).await;
    let _new = Working::on(&server, after::Mail(counts.clone())).await;
    server.knows(2).await;
    let new = start(&server, "new").await.unwrap();
    let old = old.await.unwrap();
    let all = |results: &[TaskResult<String>], end: &str| {
        let outputs = results
            .iter()
            .map(|result| result.outcome.as_ref().unwrap());
        outputs.into_iter().all(|output| output.ends_with(end))
    };
    assert!(all(&new, "with care"), "{new:?}");
    assert!(old.iter().all(|result| result.outcome.is_ok()), "{old:?}");
    let counts = [0, 1].map(|at: usize| counts[at].load(Ordering::Relaxed));
    assert_eq!(counts, [3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn new_code_in_the_place_of_old_is_refused_and_tasks_wait_for_the_old() {
    let (server, counts) = (Server::start().await, Counts::default());
    let working = Working::on(&server, before::Mail(counts.clone())).await;
    let run = start(&server, "old");
    server.has_waiting(3).await;
    let address = working.address.to_string();
    working.crash().await;

    // Its registration is refused ...
    let mut wrong = Working::at(&server, &address, after::Mail(counts.clone())).await;
    let error = (&mut wrong.task).await.unwrap().unwrap_err().to_string();
    assert!(
        error.contains("other steps of `Mail` (write, sleep_over_it, send)"),
        "{error}"
    );
    // ... and who listens all the same is called, and says why it does not go on.
    let listener = TcpListener::bind(&address).await.unwrap();
    let worker = Worker::new().serve(after::Mail(counts.clone())).unwrap();
    let wrong = tokio::spawn(worker.listen_on(listener));
    let sql = "SELECT last_failure FROM sys_invocation WHERE last_failure LIKE '%was changed%'";
    let said = server.rows(sql, 3).await;
    let said = said[0]["last_failure"].as_str().unwrap();
    let steps = "write, delay sleep_over_it, check, send";
    assert!(said.contains(steps), "{said}");
    wrong.abort();
    let _ = wrong.await;

    let _right = Working::at(&server, &address, before::Mail(counts.clone())).await;
    let results = run.await.unwrap();
    assert!(
        results.iter().all(|result| result.outcome.is_ok()),
        "{results:?}"
    );
    let counts = [0, 1].map(|at: usize| counts[at].load(Ordering::Relaxed));
    assert_eq!(counts, [3, 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_with_a_key_answers_nobody_who_does_not_sign() {
    let (server, counts) = (Server::start().await, Counts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Some other server's.
    let key = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f";
    let worker = Worker::new()
        .identity_key(key)
        .serve(before::Mail(counts))
        .unwrap()
        .register(server.admin());
    let error = worker.listen_on(listener).await.unwrap_err().to_string();
    assert!(error.contains("does not register"), "{error}");
}

/// Made for this test, with its public half below.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIP64GFeeEKNaDqcAPyb1YBOotxAIl4H12tWbr8YK6E36
-----END PRIVATE KEY-----
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Restate server: .ci/restate"]
async fn a_worker_with_a_key_answers_the_server_that_signs() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), PRIVATE_KEY).unwrap();
    let setting = "RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE";
    let settings = [(setting, keys.path().to_str().unwrap())];
    let (server, counts) = (Server::start_with(&settings).await, Counts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let worker = Worker::new()
        .identity_key("publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f")
        .identity_key("publickeyv1_CU4SiarPYa4ULgNwK2PDifRTyNkskx8z4ce1HoRnYLJ5")
        .serve(before::Mail(counts))
        .unwrap()
        .register(server.admin());
    let _worker = tokio::spawn(worker.listen_on(listener));
    server.knows(1).await;
    let results = start(&server, "signed").await.unwrap();
    assert!(
        results.iter().all(|result| result.outcome.is_ok()),
        "{results:?}"
    );
    // Anybody else is turned away.
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let request = client
        .build()
        .unwrap()
        .post(format!("http://{address}/invoke/Mail/run"));
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_key_that_is_none_is_told() {
    let worker = Worker::new().identity_key("secret");
    let error = worker.listen("127.0.0.1:0").await.unwrap_err().to_string();
    assert!(error.contains("publickeyv1_"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Worker::new().listen(address).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen"), "{error}");
}

#[tokio::test]
async fn an_address_that_nobody_can_call_is_not_registered() {
    let worker = Worker::new().register("http://127.0.0.1:1");
    let error = worker.listen("0.0.0.0:0").await.unwrap_err().to_string();
    assert!(
        error.contains("0.0.0.0:") && error.contains("advertise"),
        "{error}"
    );
}

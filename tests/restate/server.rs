//! A real Restate server, on free ports of loopback and in a directory of its own: [`Server`].

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it answers.
const LIMIT: Duration = Duration::from_secs(120);

/// Where `.ci/restate` puts the server, unless `RESTATE_SERVER` says where it is.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("RESTATE_SERVER") {
        return program.into();
    }
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/restate");
    let place = place.join("node_modules/@restatedev");
    let found = fs::read_dir(&place).into_iter().flatten().flatten();
    let mut programs = found.map(|package| package.path().join("bin/restate-server"));
    let program = programs.find(|program| program.exists());
    program.unwrap_or_else(|| {
        panic!("there is no Restate server: `.ci/restate` installs one, or set RESTATE_SERVER")
    })
}

/// A server that is running, until it is dropped or killed: one node, alone or of a cluster.
pub(crate) struct Server {
    directory: TempDir,
    ports: [u16; 3],
    settings: Vec<(String, String)>,
    child: Child,
}

/// Starts a cluster of three nodes that keep everything twice. The first one makes it.
pub(crate) async fn cluster() -> [Server; 3] {
    let ports = [(); 3].map(|()| free_ports());
    let addresses = ports.map(|[_, _, node]| format!("http://127.0.0.1:{node}"));
    let addresses = format!("[{}]", addresses.join(","));
    let mut nodes = [1, 2, 3].map(|number| {
        let of_first = if number == 1 { "true" } else { "false" };
        let settings = [
            ("RESTATE_NODE_NAME", format!("n{number}")),
            ("RESTATE_METADATA_CLIENT__ADDRESSES", addresses.clone()),
            ("RESTATE_DEFAULT_REPLICATION", "2".to_owned()),
            ("RESTATE_AUTO_PROVISION", of_first.to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        Server::spawn(ports[number - 1], settings.to_vec())
    });
    for node in &mut nodes {
        node.ready().await;
    }
    nodes
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these settings in its environment, too.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut settings: Vec<_> = settings
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        settings.push(("RESTATE_NODE_NAME".to_owned(), "n1".to_owned()));
        let mut server = Self::spawn(free_ports(), settings);
        server.ready().await;
        server
    }

    /// One that ends a call when it has said nothing for a second: its task waits without one then.
    pub(crate) async fn impatient() -> Self {
        Self::start_with(&[("RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT", "1s")]).await
    }

    fn spawn(ports: [u16; 3], settings: Vec<(String, String)>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = spawn(directory.path(), ports, &settings);
        Self {
            directory,
            ports,
            settings,
            child,
        }
    }

    /// The URL of its ingress.
    pub(crate) fn ingress(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The URL of its admin API.
    pub(crate) fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// The number of its process.
    #[allow(dead_code, reason = "the bench uses it")]
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal, named as `kill` does.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts it again, where it was and on what it kept.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.directory.path(), self.ports, &self.settings);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let client = http();
        let deadline = Instant::now() + LIMIT;
        let checks = [
            format!("{}/health", self.admin()),
            format!("{}/restate/health", self.ingress()),
        ];
        for check in checks {
            loop {
                let answer = client.get(&check).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                let ended = self.child.try_wait().unwrap();
                assert!(
                    ended.is_none() && Instant::now() < deadline,
                    "the server does not come up ({ended:?}):\n{}",
                    fs::read_to_string(self.directory.path().join("log")).unwrap()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// What the admin API says to a query.
    pub(crate) async fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        let client = http();
        let deadline = Instant::now() + LIMIT;
        loop {
            let request = client
                .post(format!("{}/query", self.admin()))
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(serde_json::json!({ "query": sql }).to_string());
            let text = request.send().await.unwrap().text().await.unwrap();
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            match answer["rows"].as_array() {
                Some(rows) => return rows.clone(),
                // A server that has just come up does not know yet where its partitions are.
                None => assert!(Instant::now() < deadline, "{text}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it says to a query, as soon as that is so many rows.
    pub(crate) async fn rows(&self, sql: &str, count: usize) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let rows = self.query(sql).await;
            if rows.len() >= count {
                return rows;
            }
            assert!(Instant::now() < deadline, "{sql}: {rows:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many workers are known, by as many URLs.
    pub(crate) async fn knows(&self, count: usize) {
        self.rows("SELECT id FROM sys_deployment", count).await;
    }

    /// Waits until so many tasks are in a delay.
    pub(crate) async fn has_waiting(&self, count: usize) {
        let sql = "SELECT id FROM sys_journal WHERE entry_type LIKE '%Sleep%'";
        self.rows(sql, count).await;
    }

    /// Cancels the task of this key, as soon as it is there.
    pub(crate) async fn cancel(&self, key: &str) {
        let sql = format!("SELECT id FROM sys_invocation WHERE idempotency_key = '{key}'");
        let found = self.rows(&sql, 1).await;
        let invocation = found[0]["id"].as_str().unwrap();
        let client = http();
        let url = format!("{}/invocations/{invocation}/cancel", self.admin());
        let answer = client.patch(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says what TLS is done with, which nobody does here: where the workspace is built as one, no HTTP client can
/// be made otherwise.
pub(crate) fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// An HTTP client.
pub(crate) fn http() -> reqwest::Client {
    install_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Ports that nobody listens at: of the ingress, of the admin API, and between nodes.
fn free_ports() -> [u16; 3] {
    let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn spawn(directory: &Path, ports: [u16; 3], settings: &[(String, String)]) -> Child {
    let [ingress, admin, node] = ports.map(|port| format!("127.0.0.1:{port}"));
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    let base = directory.join("data");
    Command::new(program())
        .args([
            "--no-logo",
            "--listen-mode=tcp",
            "--default-num-partitions=4",
        ])
        .args(["--cluster-name=test", "--bind-ip=127.0.0.1"])
        .args(["--bind-address", &node, "--advertised-host=127.0.0.1"])
        .arg("--base-dir")
        .arg(base)
        .env("RESTATE_INGRESS__BIND_ADDRESS", ingress)
        .env("RESTATE_ADMIN__BIND_ADDRESS", admin)
        // It asks for its newest release at each start: that stays on this machine.
        .env("RESTATE_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "1")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

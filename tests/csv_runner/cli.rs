//! Runs the program: [`csv_runner`], and [`Running`] for what happens under way.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// How long any run of these tests may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What a run left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The results without their header.
    pub(crate) fn rows(&self) -> Vec<&str> {
        let mut lines = self.stdout.lines();
        assert_eq!(
            lines.next(),
            Some("task_id,final_status,error_info"),
            "{self:?}"
        );
        lines.collect()
    }

    /// The lines on standard error that tell of a fetched row.
    pub(crate) fn events(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines.filter(|line| line.starts_with("task ")).collect()
    }
}

/// The program with these arguments, and an environment that does not speak to it.
pub(crate) fn csv_runner(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    silence_environment(&mut command);
    command
}

/// The program run by a shell, as `"$0" "$@"`.
pub(crate) fn in_shell(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program()).args(arguments);
    silence_environment(&mut command);
    command
}

fn silence_environment(command: &mut Command) {
    for name in ["CSV_RUNNER_URL", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
}

/// Runs the command to its end with this on standard input.
pub(crate) fn run_with(mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    let mut stdin = running.child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may end without reading all of it.
    thread::spawn(move || stdin.write_all(&input));
    running.finish()
}

/// Runs the program on these tasks.
pub(crate) fn run(arguments: &[&str], tasks: impl AsRef<[u8]>) -> Finished {
    run_with(csv_runner(arguments), tasks.as_ref())
}

/// The file of tasks with these rows.
pub(crate) fn tasks(rows: impl IntoIterator<Item = u64>) -> String {
    let mut text = String::from("task_id,task_type\n");
    text.extend(rows.into_iter().map(|id| format!("{id},mail\n")));
    text
}

/// A program that is running.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts the command. Its outputs are read along, unless they go somewhere else.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start_as_is(command)
    }

    /// Starts the command with its outputs as it has them.
    pub(crate) fn start_as_is(command: Command) -> Self {
        let mut running = Self::start_as_is_unread(command);
        running.stdout = running.child.stdout.take().map(read_along);
        running.stderr = running.child.stderr.take().map(read_along);
        running
    }

    /// Starts the command with its outputs as it has them, for the test to read.
    pub(crate) fn start_as_is_unread(mut command: Command) -> Self {
        Self {
            child: command.spawn().unwrap(),
            stdout: None,
            stderr: None,
        }
    }

    /// Sends it a signal, named as `kill` does.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Finished {
        self.finish_within(LIMIT)
    }

    /// The same, for so long at most.
    pub(crate) fn finish_within(mut self, limit: Duration) -> Finished {
        if self.stderr.is_none() {
            self.stderr = self.child.stderr.take().map(read_along);
        }
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it still runs after {limit:?}");
            thread::sleep(Duration::from_millis(2));
        };
        let text = |reader: Option<JoinHandle<String>>| {
            reader.map_or_else(String::new, |reader| reader.join().unwrap())
        };
        Finished {
            status,
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_along(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {LIMIT:?} until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The program that `cargo test --workspace` has built beside this one.
fn program() -> PathBuf {
    const BUILD: &str = "run `cargo test --workspace`, which builds it";
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples/csv_runner");
    let Ok(built) = fs::metadata(&program).and_then(|file| file.modified()) else {
        panic!("there is no {}: {BUILD}", program.display());
    };
    for source in sources(&program) {
        let changed = fs::metadata(&source).and_then(|file| file.modified());
        assert!(
            changed.unwrap_or(SystemTime::UNIX_EPOCH) <= built,
            "{} is older than {}: {BUILD}",
            program.display(),
            source.display()
        );
    }
    program
}

/// What the program was built from, as cargo wrote it down.
fn sources(program: &Path) -> Vec<PathBuf> {
    let list = fs::read_to_string(program.with_extension("d")).unwrap();
    let (_, files) = list.split_once(": ").unwrap();
    // A space inside a path is written with a backslash before it.
    let files = files.trim().replace("\\ ", "\0");
    files
        .split(' ')
        .map(|file| file.replace('\0', " ").into())
        .collect()
}

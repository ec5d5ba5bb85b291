//! The command line: [`Args`].

#![expect(clippy::doc_markdown, reason = "clap shows these comments as they are")]

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use humantime::parse_duration;
use orchestrator::Rate;
use reqwest::Url;

use super::rate::parse_rate;
use super::{exit, printable, standard_output};

const DEFAULT_URL: &str = "https://httpbin.org/get";
const URL_VARIABLE: &str = "CSV_RUNNER_URL";

/// Run a task of three steps for each row of a CSV file.
///
/// A row `task_id,task_type` is fetched (`GET URL`), waits, and is reported on standard error. The
/// results, `task_id,final_status,error_info`, go to standard output. Of rows that share a task_id,
/// all are executed and the last row's result is kept.
///
/// With --journal a run is kept in a file. Run again with the same arguments, after whatever has
/// stopped it, it goes on from there, and writes all results: send them to a file by `>` or -o, never
/// by `>>`.
///
/// The environment may name proxies: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, and NO_PROXY for exceptions
/// (hosts, domains, addresses, networks, each with or without a port, or `*`).
///
/// With --restate, rows are run by the workers of a Restate server: processes of `csv_runner worker`,
/// which have the options of what is fetched, and from where.
#[derive(Parser)]
#[command(
    name = "csv_runner",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = exit::CODES
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The tasks, with the columns task_id and task_type; `-` or none: standard input
    #[arg(value_name = "TASKS.csv")]
    pub(crate) tasks: Option<PathBuf>,

    /// Whatever else there is, so that it can be refused in words of its own.
    #[arg(hide = true)]
    more: Vec<PathBuf>,

    /// Write the results to this file: to FILE.partial first (FILE.XXXXXX.partial if that name is
    /// taken), which is renamed on exit 0 or 5; `-`: standard output, which must not be closed; /dev/null
    /// discards them
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) fetching: Fetching,

    /// The most requests at once; one more step may report a row. A task that waits does not count
    /// [default: 100]. With --restate: the most tasks at the server, waiting or not [default: 10000]
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = parse_count)]
    concurrency: Option<NonZeroUsize>,

    /// The most tasks begun whose results are not written; it bounds the memory, also that of rows
    /// read ahead
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "1000000", value_parser = parse_count)]
    pub(crate) window: NonZeroUsize,

    /// Which door tasks go through; `auto`: up to 1,000 rows the channel, more the streaming one,
    /// and always that one with --journal
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub(crate) mode: Mode,

    /// In which order the results are written
    #[arg(long, value_enum, default_value_t = ResultOrder::Input)]
    pub(crate) order: ResultOrder,

    /// Run although some rows are bad, without those (exit 3)
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,

    /// Only check the tasks, and say what was found
    #[arg(long)]
    pub(crate) check: bool,

    /// Stop once more than N rows, or P% of all rows, have failed (exit 3)
    #[arg(long, allow_hyphen_values = true, value_name = "N|P%")]
    pub(crate) max_failures: Option<FailureLimit>,

    /// Run all rows, and exit 5 if at least one has failed
    #[arg(long)]
    pub(crate) fail_if_failed: bool,

    /// Keep the run in this file, and go on with the one that is kept there. What is fetched, and
    /// from where, must be the same; the other options may differ
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// Delete the journal first, and begin anew
    #[arg(long, requires = "journal", conflicts_with_all = ["retry_failed", "restate"])]
    pub(crate) fresh: bool,

    /// Run the rows again that the journal has as Failed; what is Completed stays
    #[arg(long, requires = "journal", conflicts_with = "restate")]
    pub(crate) retry_failed: bool,

    /// Have the workers of the Restate server run the rows whose ingress is at this URL
    #[arg(
        long,
        value_name = "INGRESS",
        conflicts_with_all = ["journal", "url", "offline", "delay", "timeout", "retries", "rate", "max_throttle"]
    )]
    pub(crate) restate: Option<String>,

    /// The run's name: the same one attaches to what is under way, or has ended, at the server
    /// [default: one that no other run has]
    #[arg(long, value_name = "NAME", requires = "restate")]
    pub(crate) run: Option<String>,

    /// How long requests may continue after SIGINT, SIGTERM or SIGHUP; a second signal stops at once.
    /// A signal that was ignored at the start, as by nohup, stays ignored
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(crate) grace: Duration,

    /// Write nothing but errors to standard error, and with --restate the run's name if it was not given
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Show no progress bar; there is none either where the results go to a terminal
    #[arg(long)]
    no_progress: bool,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say how the run stands that is kept in a journal; also while it is under way
    Status {
        /// The journal
        file: PathBuf,
    },
    /// Run rows for a Restate server, until SIGINT, SIGTERM or SIGHUP
    Worker(Box<Worker>),
}

/// What is done for a row.
#[derive(Debug, clap::Args)]
pub(crate) struct Fetching {
    /// What to fetch for each row [default: https://httpbin.org/get] [env: CSV_RUNNER_URL]
    // Neither a parser nor `env` here: clap would show the value, and with it a password, in its
    // messages; and the variable would exclude `--offline`.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Let a small server in this process answer instead of URL
    #[arg(long, conflicts_with = "url")]
    pub(crate) offline: bool,

    /// How long a task waits between the fetch and the report
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    pub(crate) delay: Duration,

    /// How long one request may take. Connecting gets half of that, at most 30 s, shared by the addresses
    /// of the host
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    /// How often a request is repeated on connection errors (except refused certificates), timeouts, 408,
    /// 421, 425, 429 and 5xx, after a growing pause
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "2", value_parser = parse_retries)]
    pub(crate) retries: u32,

    /// The most requests in a time, evenly spread, such as 20/s or 100/m [default: no limit]
    #[arg(long, allow_hyphen_values = true, value_name = "N/TIME", value_parser = parse_rate)]
    pub(crate) rate: Option<Rate>,

    /// How long the server may hold back one attempt: a 429 or 503 with Retry-After (at most 5 minutes)
    /// holds back all requests for that time, and is no attempt of --retries unless this is exceeded
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "10m", value_parser = parse_time)]
    pub(crate) max_throttle: Duration,
}

/// The options of a worker.
#[derive(Debug, clap::Args)]
pub(crate) struct Worker {
    /// Where to listen for the server. Other addresses than those of loopback let others in: see
    /// --identity-key
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9080")]
    pub(crate) listen: String,

    /// Tell the server whose admin API is at this URL that the worker is there
    #[arg(long, value_name = "ADMIN")]
    pub(crate) register: Option<String>,

    /// The URL that the server is to call, where that is not http://ADDRESS; several workers may have
    /// one in common
    #[arg(long, value_name = "URL", requires = "register")]
    pub(crate) advertise: Option<String>,

    /// Answer only who signs with the other half of this key, publickeyv1_...
    #[arg(long, value_name = "KEY")]
    pub(crate) identity_key: Vec<String>,

    #[command(flatten)]
    pub(crate) fetching: Fetching,

    /// The most requests at once; one more step may report a row. A task that waits does not count
    #[arg(long, allow_hyphen_values = true, value_name = "N", default_value = "100", value_parser = parse_count)]
    pub(crate) concurrency: NonZeroUsize,

    /// How long requests may continue after SIGINT, SIGTERM or SIGHUP; a second signal stops at once.
    /// A signal that was ignored at the start, as by nohup, stays ignored
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(crate) grace: Duration,

    /// Write nothing but errors to standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which door is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Auto,
    Channel,
    Streaming,
}

/// In which order results are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultOrder {
    Input,
    Completion,
}

/// How many rows may fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FailureLimit {
    Rows(u64),
    Percent(f64),
}

/// How many letters of a command may be wrong for it to be recognised.
const WRONG_LETTERS: usize = 2;

impl Args {
    /// Returns the arguments of this process, or what to show in place of a run.
    pub(crate) fn of_this_process() -> Result<Self, clap::Error> {
        Self::parsed(std::env::args_os())
    }

    fn parsed(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(arguments)?;
        match args.stray() {
            Some(words) => Err(Self::command().error(ErrorKind::UnknownArgument, words)),
            None => Ok(args),
        }
    }

    /// Says what is wrong with the arguments that are not options, if anything is.
    fn stray(&self) -> Option<String> {
        let tasks = self.tasks.as_deref()?;
        let shown = printable::path(tasks);
        if let Some(command) = command_like(tasks) {
            return Some(format!(
                "there is neither a file nor a command `{shown}`; did you mean `{command}`?"
            ));
        }
        let second = printable::path(self.more.first()?);
        Some(format!(
            "a run has one file of tasks, and `{second}` is another one than `{shown}`: run them one \
             after the other, or join their rows under one header"
        ))
    }

    /// Returns the file that the results go to, or `None` for standard output.
    pub(crate) fn output(&self) -> Option<&Path> {
        let path = self.output.as_deref();
        path.filter(|path| !standard_output::is_named_by(path))
    }

    /// Returns whether the tasks come from standard input.
    pub(crate) fn reads_standard_input(&self) -> bool {
        let path = self.tasks.as_deref();
        path.is_none_or(|path| path == Path::new("-"))
    }

    /// Whether a progress bar is wanted where there is a terminal for it. Results on a terminal
    /// would run into it.
    pub(crate) fn progress(&self) -> bool {
        !self.no_progress && (self.output().is_some() || !io::stdout().is_terminal())
    }

    /// How many requests there may be at once, or tasks at a server.
    pub(crate) fn concurrency(&self) -> usize {
        let otherwise = if self.restate.is_some() { 10_000 } else { 100 };
        self.concurrency.map_or(otherwise, NonZeroUsize::get)
    }
}

impl Fetching {
    /// Returns the variables of the environment that say what to fetch, by name and value.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let counts = self.url.is_none() && !self.offline;
        let url = std::env::var(URL_VARIABLE)
            .ok()
            .filter(|url| counts && !url.is_empty());
        url.map(|url| (URL_VARIABLE, url)).into_iter().collect()
    }

    /// What to fetch, unless the built-in server answers.
    pub(crate) fn url(&self) -> anyhow::Result<Url> {
        match &self.url {
            Some(url) => endpoint(url).context("--url"),
            None => match std::env::var(URL_VARIABLE) {
                Ok(url) if !url.is_empty() => endpoint(&url).context(URL_VARIABLE),
                Err(std::env::VarError::NotUnicode(_)) => bail!("{URL_VARIABLE}: not valid UTF-8"),
                _ => endpoint(DEFAULT_URL),
            },
        }
    }
}

/// Returns the command that the path of a missing file resembles.
fn command_like(path: &Path) -> Option<String> {
    let name = path.to_str().filter(|_| !path.exists())?;
    let commands = Args::command();
    let mut names = commands.get_subcommands().map(clap::Command::get_name);
    let similar = names.find(|known| strsim::damerau_levenshtein(name, known) <= WRONG_LETTERS);
    similar.map(str::to_owned)
}

/// Parses a duration.
fn parse_time(text: &str) -> anyhow::Result<Duration> {
    let time = parse_duration(text);
    time.context("a time is a number and its unit, such as 500ms, 10s or 2m")
}

/// Parses a duration that leaves time for something.
fn parse_timeout(text: &str) -> anyhow::Result<Duration> {
    let timeout = parse_time(text)?;
    if timeout.is_zero() {
        bail!("no request is done in no time");
    }
    Ok(timeout)
}

/// Parses how many there may be of something.
fn parse_count(text: &str) -> anyhow::Result<NonZeroUsize> {
    let count = text
        .parse()
        .ok()
        .context("not a whole number in digits, such as 100")?;
    NonZeroUsize::new(count).context("at least 1 is needed")
}

/// Parses how often something is repeated.
fn parse_retries(text: &str) -> anyhow::Result<u32> {
    let count = text.parse().ok();
    count.with_context(|| format!("not a whole number from 0 to {}", u32::MAX))
}

/// Parses a URL. The messages do not contain it: it may hold a password.
fn endpoint(url: &str) -> anyhow::Result<Url> {
    let url = Url::parse(url).context("not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("not a URL of the scheme http or https");
    }
    Ok(url)
}

impl FailureLimit {
    /// How many of `rows` may fail.
    pub(crate) fn of(self, rows: u64) -> u64 {
        match self {
            Self::Rows(limit) => limit,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 100 percent of a number of rows is one, give or take a row in 2^53"
            )]
            Self::Percent(percent) => (rows as f64 * percent / 100.0) as u64,
        }
    }
}

impl FromStr for FailureLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = match text.strip_suffix('%') {
            None => text.parse().ok().map(Self::Rows),
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Self::Percent),
        };
        limit.ok_or_else(|| {
            "neither a number of rows, such as 10, nor a percentage from 0% to 100%".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_limit_is_a_number_or_a_percentage() {
        assert_eq!("12".parse(), Ok(FailureLimit::Rows(12)));
        assert_eq!("2.5%".parse(), Ok(FailureLimit::Percent(2.5)));
        for bad in ["", "%", "-1", "101%", "NaN%", "x"] {
            assert!(bad.parse::<FailureLimit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_percentage_is_of_all_rows() {
        assert_eq!(FailureLimit::Percent(10.0).of(1_005), 100);
        assert_eq!(FailureLimit::Percent(100.0).of(3), 3);
        assert_eq!(FailureLimit::Rows(7).of(3), 7);
    }

    #[test]
    fn what_lets_nothing_run_is_refused_in_words() {
        assert!(refused(&["--concurrency", "0"]).contains("at least 1 is needed"));
        assert!(refused(&["--window", "0"]).contains("at least 1 is needed"));
        assert!(refused(&["--timeout", "0s"]).contains("no request is done in no time"));
        let delay = Args::try_parse_from(["csv_runner", "--delay", "0s", "--grace", "0s"]);
        assert_eq!(delay.unwrap().fetching.delay, Duration::ZERO);
    }

    fn refused(arguments: &[&str]) -> String {
        let arguments = ["csv_runner"].iter().chain(arguments).map(OsString::from);
        let error = Args::parsed(arguments);
        error.err().unwrap().to_string()
    }

    #[test]
    fn a_number_that_is_not_one_is_refused_in_words() {
        for count in ["ten", "-1", "1.5", ""] {
            let said = refused(&["--concurrency", count]);
            assert!(said.contains("not a whole number in digits"), "{said}");
            assert!(
                said.contains(&format!("'{count}'")) || count.is_empty(),
                "{said}"
            );
            let said = refused(&["--retries", count]);
            assert!(
                said.contains("not a whole number from 0 to 4294967295"),
                "{said}"
            );
        }
        for limit in ["-1", "-1%", "few"] {
            let said = refused(&["--max-failures", limit]);
            assert!(said.contains("nor a percentage from 0% to 100%"), "{said}");
        }
        for time in ["5", "soon", "-5s"] {
            let said = refused(&["--delay", time]);
            assert!(said.contains("a time is a number and its unit"), "{said}");
        }
    }

    #[test]
    fn a_second_file_is_refused_in_words() {
        let said = refused(&["a.csv", "--offline", "b.csv"]);
        let expected =
            "error: a run has one file of tasks, and `b.csv` is another one than `a.csv`";
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn a_command_that_is_mistyped_is_recognised() {
        for (typed, command) in [
            ("statsu", "status"),
            ("Worker", "worker"),
            ("stat", "status"),
        ] {
            for arguments in [&[typed][..], &[typed, "run.db"], &["--offline", typed]] {
                let said = refused(arguments);
                let expected = format!("a command `{typed}`; did you mean `{command}`?");
                assert!(said.contains(&expected), "{said}");
            }
        }
        assert!(Args::parsed(["csv_runner", "tasks.csv"].map(OsString::from)).is_ok());
    }

    #[test]
    fn a_bad_url_is_not_repeated() {
        for bad in ["http://me:secret@", "ftp://me:secret@host/", "secret"] {
            let error = format!("{:#}", endpoint(bad).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

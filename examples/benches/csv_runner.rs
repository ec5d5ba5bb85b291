//! What `csv_runner` costs: requests a second beside a bare reqwest loop, and memory by rows.
//!
//! `cargo bench -p orchestrator-examples --bench csv_runner`. The loop has a plain reqwest
//! client, and the server and allocator that `csv_runner --offline` has. It is timed from within,
//! without its start; `csv_runner` is timed as a whole process. Memory is the peak of the resident
//! set, read from `/proc` while the process runs: Linux only.

#[path = "../csv_runner/offline.rs"]
mod offline;

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Client;
use rustls::crypto::ring;

const CONCURRENCY: usize = 100;
const ROWS: u64 = 400_000;
const ROUNDS: usize = 5;
const FEW_ROWS: u64 = 300_000;
const MANY_ROWS: u64 = 3_000_000;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "loop") {
        return bare_loop();
    }
    let folder = tempfile::tempdir()?;
    let program = build()?;
    requests(&program, folder.path())?;
    memory(&program, folder.path())
}

/// Builds `csv_runner` in release mode, and says where it is.
fn build() -> anyhow::Result<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--example", "csv_runner"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(status.success(), "csv_runner was not built");
    let here = std::env::current_exe()?;
    let release = here.parent().and_then(Path::parent);
    Ok(release
        .context("this bench is in no target folder")?
        .join("examples/csv_runner"))
}

/// Requests a second: the loop, and `csv_runner` with and without its events.
#[expect(clippy::print_stdout, reason = "figures to read")]
fn requests(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let tasks = folder.join("tasks.csv");
    write_tasks(&tasks, ROWS, |row| row)?;
    let mut figures = [const { Vec::new() }; 3];
    let mut ratios = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let bare = Command::new(std::env::current_exe()?)
            .arg("loop")
            .output()?;
        let bare: f64 = String::from_utf8(bare.stdout)?.trim().parse()?;
        let with_events = rate(program, &tasks, &[])?;
        let without = rate(program, &tasks, &["--quiet"])?;
        for (index, figure) in [bare, with_events, without].into_iter().enumerate() {
            figures[index].push(figure);
            ratios[index].push(figure / bare);
        }
    }
    println!("{ROWS} requests, {CONCURRENCY} at once, {ROUNDS} rounds, medians");
    let names = [
        "bare reqwest loop",
        "csv_runner --offline",
        "csv_runner --offline --quiet",
    ];
    for ((name, figures), ratios) in names.iter().zip(&mut figures).zip(&mut ratios) {
        println!(
            "  {name:30} {:8.0} a second   {:5.2}x",
            median(figures),
            median(ratios)
        );
    }
    Ok(())
}

/// The peak of the resident memory at few and at many rows.
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "figures to read"
)]
fn memory(program: &Path, folder: &Path) -> anyhow::Result<()> {
    type Ids = fn(u64) -> u64;
    let kinds: [(&str, Ids); 2] = [
        ("dense ids", |row| row),
        // An odd factor modulo 2^64: every id once, in no order.
        ("random ids", |row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    ];
    println!("peak resident memory, --delay 0s");
    for (name, ids) in kinds {
        let mut peaks = Vec::new();
        for rows in [FEW_ROWS, MANY_ROWS] {
            let tasks = folder.join("tasks.csv");
            write_tasks(&tasks, rows, ids)?;
            peaks.push(peak(program, &tasks)? as f64 / 1e6);
        }
        println!(
            "  {name:12} {FEW_ROWS:>9} rows {:6.1} MB   {MANY_ROWS:>9} rows {:6.1} MB   {:5.2}x",
            peaks[0],
            peaks[1],
            peaks[1] / peaks[0]
        );
    }
    Ok(())
}

fn write_tasks(path: &Path, rows: u64, id: impl Fn(u64) -> u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "task_id,task_type")?;
    for row in 0..rows {
        writeln!(file, "{},email", id(row))?;
    }
    Ok(file.flush()?)
}

fn csv_runner(program: &Path, tasks: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--offline", "--delay", "0s", "--concurrency"])
        .arg(CONCURRENCY.to_string())
        .args(more)
        .arg(tasks)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn rate(program: &Path, tasks: &Path, more: &[&str]) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let status = csv_runner(program, tasks, more).status()?;
    ensure!(status.success(), "csv_runner ended with {status}");
    Ok(ROWS as f64 / begin.elapsed().as_secs_f64())
}

fn peak(program: &Path, tasks: &Path) -> anyhow::Result<u64> {
    let mut child = csv_runner(program, tasks, &["--quiet"]).spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        // It only grows, so the last look before the end is the one that counts.
        peak = std::fs::read_to_string(&status_file)
            .ok()
            .and_then(|status| high_water_mark(&status))
            .unwrap_or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    ensure!(status.success(), "csv_runner ended with {status}");
    Ok(peak)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Prints how many requests a second tasks make that each send one after the other.
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a figure for the process that started this one"
)]
#[tokio::main]
async fn bare_loop() -> anyhow::Result<()> {
    let url = offline::start().await?;
    // Another one can only have been installed here.
    let _ = ring::default_provider().install_default();
    let client = Client::builder()
        .pool_max_idle_per_host(CONCURRENCY)
        .no_proxy()
        .tls_certs_only([])
        .build()?;
    let begin = Instant::now();
    let each = ROWS / CONCURRENCY as u64;
    let loops: Vec<_> = (0..CONCURRENCY)
        .map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                for _ in 0..each {
                    let response = client.get(url.clone()).send().await?;
                    response.error_for_status()?.bytes().await?;
                }
                Ok::<_, reqwest::Error>(())
            })
        })
        .collect();
    for requests in loops {
        requests.await??;
    }
    println!("{}", ROWS as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}

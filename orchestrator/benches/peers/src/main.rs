//! What a durable task of three steps costs in libraries that keep their runs in `SQLite`, each in a
//! process of its own and in its own settings: three steps that do nothing, a payload of 26 bytes.
//!
//! `cargo run --release -- ours|effectum|durare|apalis|apalis-mended|duroxide`, or all in turn without a
//! name

use std::process::Command;

mod apalis;
mod durare;
mod duroxide;
mod report;

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => {
            for name in [
                "ours",
                "effectum",
                "durare",
                "apalis",
                "apalis-mended",
                "duroxide",
            ] {
                let this = std::env::current_exe().expect("this program");
                // duroxide warns a hundred times a run that the database is locked, and tries again.
                run(Command::new(this).arg(name).env("RUST_LOG", "error"));
            }
        }
        Some("durare") => report::measure("durare", durare::run),
        Some("apalis") => report::measure("apalis", apalis::stock),
        Some("apalis-mended") => report::measure("apalis-mended", apalis::mended),
        Some("duroxide") => report::measure("duroxide", duroxide::run),
        // What needs another SQLite than this package's.
        Some(name @ ("ours" | "effectum")) => {
            let root = env!("CARGO_MANIFEST_DIR");
            run(Command::new(env!("CARGO"))
                .args(["run", "--release", "--quiet", "--locked", "--manifest-path"])
                .arg(format!("{root}/{name}/Cargo.toml"))
                .args(["--target-dir", &format!("{root}/target")]));
        }
        Some(name) => panic!("no contestant {name}"),
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("a contestant");
    assert!(status.success(), "{command:?}: {status}");
}

/// Ends a pool, and tells the settings in force in its connections; there is one type of pool for each
/// version of sqlx.
macro_rules! close {
    ($sqlx:ident, $pool:expr) => {{
        let pool = $pool;
        let mut connections = Vec::new();
        while let Some(connection) = pool.try_acquire() {
            connections.push(connection);
        }
        let mut settings = std::collections::BTreeMap::new();
        for connection in &mut connections {
            let mode: String = $sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(&mut **connection)
                .await
                .expect("a mode");
            let level: i64 = $sqlx::query_scalar("PRAGMA synchronous")
                .fetch_one(&mut **connection)
                .await
                .expect("a level");
            let level =
                ["OFF", "NORMAL", "FULL", "EXTRA"][usize::try_from(level).expect("a level")];
            *settings.entry((mode, level)).or_insert(0) += 1;
        }
        drop(connections);
        let options = pool.connect_options();
        pool.close().await;
        // Connections that close at once each leave the log to the other.
        let mut last = $sqlx::ConnectOptions::connect(&*options)
            .await
            .expect("a connection");
        $sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut last)
            .await
            .expect("a checkpoint");
        $sqlx::Connection::close(last).await.expect("an end");
        let settings: Vec<_> = settings
            .iter()
            .map(|((mode, level), count)| {
                format!("journal_mode={mode} synchronous={level} in {count} connections")
            })
            .collect();
        settings.join(", ")
    }};
}
pub(crate) use close;

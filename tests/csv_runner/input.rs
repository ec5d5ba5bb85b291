//! The tasks file: what is taken, what is refused, and in what words.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::cli::{Finished, Running, csv_runner, run, run_with, tasks, wait_until};
use crate::server::{Answer, Server};

fn offline(tasks: impl AsRef<[u8]>) -> Finished {
    run(&["--offline", "--delay=0s"], tasks)
}

fn file(content: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_ref()).unwrap();
    file
}

/// That nothing runs, for this reason.
fn refused(tasks: impl AsRef<[u8]>, reason: &str) {
    let done = offline(tasks);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.stdout.is_empty(), "{done:?}");
    assert!(done.stderr.contains(reason), "{reason}: {}", done.stderr);
}

#[test]
fn every_way_to_write_rows() {
    for text in [
        "task_id,task_type\n1,a\n18446744073709551615,b\n",
        "task_id,task_type\n1,a\n18446744073709551615,b",
        "\u{feff}task_id,task_type\r\n1,a\r\n18446744073709551615,b\r\n",
        "\n\ntask_id,task_type\n\n1,a\n\r\n\n18446744073709551615,b\n\n\n",
        "task_type,task_id\na,1\nb,18446744073709551615\n",
        "x,task_type,y,task_id\n,a,,1\n9,b,\"8\n8\",18446744073709551615\n",
        " task_id ,task_type\n 1,a\n\t18446744073709551615 ,b\n",
        "\"task_id\",\"task_type\"\n\"1\",\"a\"\n18446744073709551615,\"b\"\n",
        "task_id,task_type\n01,\"several\r\nlines, \"\"quoted\"\"\"\n18446744073709551615,\n",
    ] {
        let done = offline(text);
        assert_eq!(done.code(), Some(0), "{text:?}: {done:?}");
        let expected = ["1,Completed,", "18446744073709551615,Completed,"];
        assert_eq!(done.rows(), expected, "{text:?}");
    }
}

#[test]
fn an_event_is_one_line_whatever_the_type_holds() {
    let done = offline("task_id,task_type\n1,\"two\nlines \u{1b}[2J\"\n");
    let expected = "task 1 (two\\nlines \\u{1b}[2J): fetched, HTTP 200 OK";
    assert_eq!(done.events(), [expected]);
}

#[test]
fn bad_rows_are_named_and_nothing_runs() {
    let number = "is not a whole number from 0 to 18446744073709551615";
    for (row, fault) in [
        ("x,a", format!("line 3, column task_id: \"x\" {number}")),
        (",a", format!("line 3, column task_id: \"\" {number}")),
        ("-1,a", format!("line 3, column task_id: \"-1\" {number}")),
        ("+1,a", format!("line 3, column task_id: \"+1\" {number}")),
        ("1.0,a", format!("line 3, column task_id: \"1.0\" {number}")),
        ("1 1,a", format!("line 3, column task_id: \"1 1\" {number}")),
        (" ,a", format!("line 3, column task_id: \"\" {number}")),
        (
            "18446744073709551616,a",
            format!("line 3, column task_id: \"18446744073709551616\" {number}"),
        ),
        (
            "2",
            "line 3, column 2: 1 field, but the header has 2".into(),
        ),
        (
            "2,a,b",
            "line 3, column 3: 3 fields, but the header has 2".into(),
        ),
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("task_id,task_type{end}1,a{end}{row}{end}3,c{end}");
            refused(&text, &fault);
            refused(
                &text,
                "1 bad row; nothing was run (--skip-bad-rows runs the others)",
            );
        }
    }
    let not_utf8 = "not valid UTF-8";
    refused(
        b"task_id,task_type\n1,\xff\n",
        &format!("line 2, column task_type: {not_utf8}"),
    );
    refused(
        b"task_id,task_type\n\xff,a\n",
        &format!("line 2, column task_id: {not_utf8}"),
    );
}

#[test]
fn lines_are_those_of_an_editor() {
    refused(
        "\u{feff}task_id,task_type\r\n1,\"a\r\nb\"\r\n\r\n\r\nx,c\r\n",
        "line 6, column",
    );
}

#[test]
fn a_file_that_is_not_csv_in_utf_8_is_named_as_what_it_is() {
    let utf_16: Vec<u8> = "\u{feff}task_id,task_type\n1,a\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(
        &utf_16,
        "standard input: it is UTF-16, not UTF-8: convert it first",
    );
    refused(&utf_16[2..], "it is UTF-16, not UTF-8");
    refused(
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x2c",
        "it is compressed by gzip: decompress it first",
    );
}

#[test]
fn twenty_bad_rows_are_named_and_the_others_counted() {
    let text = format!("task_id,task_type\n{}", "x,a\n".repeat(1_234));
    let done = offline(&text);
    assert_eq!(done.stderr.matches(", column task_id").count(), 20);
    assert!(
        done.stderr.contains("and 1,214 more bad rows"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("1,234 bad rows; nothing was run"));
}

#[test]
fn bad_rows_are_skipped_if_asked_for() {
    let arguments = ["--offline", "--delay=0s", "--skip-bad-rows"];
    let done = run(&arguments, "task_id,task_type\nx,a\n1,b\n2\n1,c\n3,d\n");
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert_eq!(done.rows(), ["1,Completed,", "3,Completed,"]);
    assert!(done.stderr.contains("line 2, column task_id"), "{done:?}");
}

#[test]
fn a_header_is_asked_for() {
    refused("", "no header: the file is empty");
    refused("\n\n", "no header: the file is empty");
    refused(
        "1,a\n",
        "no column task_id: the header must name task_id and task_type",
    );
    refused("task_id\n1\n", "no column task_type");
    refused(
        "task_id,task_type,task_id\n1,a,2\n",
        "names the column task_id twice",
    );
}

#[test]
fn a_quote_left_open_is_told() {
    let text = format!("task_id,task_type\n1,a\n2,\"{}", "b\n".repeat(2_000_000));
    refused(
        &text,
        "line 3: a row of more than 1 MiB; is a quote left open?",
    );
}

#[test]
fn a_quote_takes_no_rows_with_it() {
    refused(
        "task_id,task_type\n1,a\n2,\"b\n3,c\n",
        "line 3, column 2: a quote is opened and never closed",
    );
    refused(
        "task_id,task_type\n1,\"a\n2,\"b\"\n3,c\n",
        "line 2, column 2: text follows the closing quote",
    );
}

#[test]
fn what_is_no_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let done = run(&[folder.path().to_str().unwrap()], "");
    assert_eq!(done.code(), Some(2));
    assert!(
        done.stderr.contains("is a directory, not a CSV file"),
        "{done:?}"
    );

    let missing = folder.path().join("missing.csv");
    let done = run(&[missing.to_str().unwrap()], "");
    assert_eq!(done.code(), Some(2));
    assert!(
        done.stderr.contains("missing.csv: No such file"),
        "{done:?}"
    );
}

#[test]
fn a_file_a_pipe_and_standard_input_give_the_same() {
    let text = tasks(0..3_000);
    let regular = file(&text);
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("tasks");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let arguments = ["--offline", "--delay=0s", "--quiet"];
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();

    let named = run(&[&arguments[..], &[&path(regular.path())]].concat(), "");
    assert_eq!(named.rows().len(), 3_000);

    let piped = run(&[&arguments[..], &["-"]].concat(), &text);
    assert_eq!(piped.stdout, named.stdout);

    let writer = {
        let (fifo, text) = (fifo.clone(), text.clone());
        std::thread::spawn(move || fs::write(fifo, text))
    };
    let through_fifo = run(&[&arguments[..], &[&path(&fifo)]].concat(), "");
    writer.join().unwrap().unwrap();
    assert_eq!(through_fifo.stdout, named.stdout);

    let mut command = csv_runner(&arguments);
    command.stdin(File::open(regular.path()).unwrap());
    assert_eq!(Running::start(command).finish().stdout, named.stdout);
}

#[test]
fn a_file_that_changes_under_way_stops_the_run() {
    let server = Server::always(Answer::After(Duration::from_millis(5)));
    let url = server.url();
    for change in ["longer", "shorter", "other"] {
        let mut tasks = file(tasks(100_000..200_000));
        let path = tasks.path().to_str().unwrap().to_owned();
        let arguments = [
            "--delay=0s",
            "--concurrency=4",
            "--window=100",
            "--url",
            &url,
            &path,
        ];
        let before = server.requests().len();
        let running = Running::start(csv_runner(&arguments));
        wait_until("rows are fetched", || server.requests().len() > before + 20);
        match change {
            "longer" => tasks.write_all(b"7,late\n").unwrap(),
            "shorter" => tasks.as_file().set_len(100).unwrap(),
            _ => {
                // The same length, other bytes.
                let text = crate::cli::tasks(200_000..300_000);
                fs::write(tasks.path(), text).unwrap();
            }
        }
        let done = running.finish();
        assert_eq!(done.code(), Some(1), "{change}: {done:?}");
        let said = "changed while it was read; the results so far are kept";
        assert!(done.stderr.contains(said), "{change}: {}", done.stderr);
        assert!(!done.rows().is_empty());
    }
}

#[test]
fn a_file_that_is_replaced_under_way_is_still_the_same_file() {
    let server = Server::always(Answer::After(Duration::from_millis(2)));
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (
        folder.path().join("tasks.csv"),
        folder.path().join("other.csv"),
    );
    fs::write(&path, tasks(0..2_000)).unwrap();
    fs::write(&other, tasks(0..1)).unwrap();
    let url = server.url();
    let arguments = [
        "--delay=0s",
        "--window=50",
        "--url",
        &url,
        path.to_str().unwrap(),
    ];
    let running = Running::start(csv_runner(&arguments));
    wait_until("a row is fetched", || !server.requests().is_empty());
    fs::rename(&other, &path).unwrap();
    let done = running.finish();
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(done.rows().len(), 2_000);
}

/// The most memory, in KiB, that the program took for its check of this many rows.
#[cfg(target_os = "linux")]
fn memory_of_check(rows: u64) -> u64 {
    // Ids in no order, so that neither their order nor their density helps.
    let ids = (0..rows).map(|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    memory(&["--check"], tasks(ids))
}

/// The most memory, in KiB, that the program took with these arguments on these tasks.
#[cfg(target_os = "linux")]
fn memory(arguments: &[&str], tasks: impl AsRef<[u8]>) -> u64 {
    let many = file(tasks);
    let mut command = csv_runner(arguments);
    command.arg(many.path());
    let running = Running::start(command);
    let status = format!("/proc/{}/status", running.child.id());
    let mut most = 0;
    wait_until("it has ended", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // One that has ended has no memory.
        let Some(peak) = peak.and_then(|peak| peak.trim().strip_suffix(" kB")) else {
            return true;
        };
        most = peak.parse().unwrap();
        false
    });
    assert_eq!(running.finish().code(), Some(0));
    most
}

#[test]
#[cfg(target_os = "linux")]
fn rows_are_read_ahead_no_further_than_the_window() {
    // 12 MB of rows, of which four may be in flight.
    let of = |rows: u64| {
        let kind = "x".repeat(20_000);
        let mut text = String::from("task_id,task_type\n");
        text.extend((0..rows).map(|row| format!("{row},{kind}\n")));
        text
    };
    let arguments = ["--offline", "--delay=0s", "--quiet", "--window=4"];
    let arguments = [&arguments[..], &["--mode=streaming"]].concat();
    let (few, many) = (memory(&arguments, of(40)), memory(&arguments, of(600)));
    assert!(many < few + 6_500, "{few} KiB, {many} KiB");
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_the_check_does_not_follow_the_file() {
    let (short, long) = (memory_of_check(100_000), memory_of_check(1_000_000));
    assert!(long < short + short / 5, "{short} KiB, {long} KiB");
}

#[test]
fn check_only_says_what_it_found() {
    let check = |text: &str| run(&["--check"], text);
    let done = check(&tasks([5, 6, 5]));
    assert_eq!((done.code(), done.stdout.as_str()), (Some(0), ""));
    assert_eq!(done.stderr, "3 rows, 1 superseded, 0 bad, channel door\n");

    let done = check(&tasks((0..1_000).chain([0])));
    assert_eq!(
        done.stderr,
        "1,001 rows, 1 superseded, 0 bad, streaming door\n"
    );

    let done = check("task_id,task_type\n1,a\nx,b\n");
    assert_eq!(done.code(), Some(2));
    assert!(
        done.stderr
            .starts_with("2 rows, 0 superseded, 1 bad, channel door\n"),
        "{done:?}"
    );
    assert!(done.stderr.contains("line 3, column task_id: \"x\""));

    // What it does not ask for may be wrong.
    let mut command = csv_runner(&["--check", "--concurrency=1000000000"]);
    command.env("CSV_RUNNER_URL", "none");
    let done = run_with(command, tasks([5]).as_bytes());
    assert_eq!(done.code(), Some(0), "{done:?}");

    let many = file(tasks((0..200_000).map(|row| row % 150_000)));
    let done = run_with(csv_runner(&["--check", many.path().to_str().unwrap()]), b"");
    assert_eq!(
        done.stderr,
        "200,000 rows, 50,000 superseded, 0 bad, streaming door\n"
    );
}

//! Where the results go: pipes that close, devices that are full, and `-o`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cli::{Running, csv_runner, in_shell, run, run_with, tasks};
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// A folder with `tasks.csv` of so many rows, and the path of `results.csv` in it.
fn folder(rows: u64) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (
        folder.path().join("tasks.csv"),
        folder.path().join("results.csv"),
    );
    fs::write(&input, tasks(0..rows)).unwrap();
    (folder, input, output)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs the program offline on a file, with `-o`.
fn to_file(input: &Path, output: &Path, arguments: &[&str]) -> crate::cli::Finished {
    let mut command = csv_runner(&["--offline", "--delay=0s"]);
    command.args(arguments).arg(input).arg("-o").arg(output);
    run_with(command, b"")
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let (_folder, input, _) = folder(100_000);
    let mut command = csv_runner(&["--offline", "--delay=0s", "--quiet"]);
    command
        .arg(&input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running::start_as_is_unread(command);
    let mut line = String::new();
    let mut reader = BufReader::new(running.child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let done = running.finish();
    assert_eq!(done.code(), Some(141), "{done:?}");
    assert_eq!(done.stderr, "");
}

#[test]
fn a_full_device_fails_the_run() {
    for redirection in [
        r#"exec "$0" "$@" > /dev/full"#,
        r#"exec "$0" "$@" -o /dev/full"#,
    ] {
        let command = in_shell(redirection, &["--offline", "--delay=0s"]);
        let done = run_with(command, tasks(0..50).as_bytes());
        assert_eq!(done.code(), Some(1), "{done:?}");
        let said = "error: cannot write the results: No space left on device";
        assert!(done.stderr.contains(said), "{done:?}");
    }
}

#[test]
fn nothing_panics_where_outputs_are_closed_or_full() {
    for script in [
        r#"exec "$0" "$@" 2>&-"#,
        r#"exec "$0" "$@" 2>/dev/full"#,
        r#""$0" "$@" 2>&1 >&3 3>&- | true"#,
    ] {
        let script = format!("exec 3>&1; {script}");
        let command = in_shell(&script, &["--offline", "--delay=0s"]);
        let done = run_with(command, tasks(0..500).as_bytes());
        assert_eq!(done.rows().len(), 500, "{script}: {done:?}");
        assert_eq!(done.code(), Some(0), "{script}: {done:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["--no-such-option"]] {
        for script in [
            r#"exec "$0" "$@" >/dev/full 2>&1"#,
            r#"exec "$0" "$@" >&- 2>&-"#,
        ] {
            let done = run_with(in_shell(script, arguments), b"");
            assert!(matches!(done.code(), Some(0..3)), "{script}: {done:?}");
        }
    }
}

#[test]
fn a_closed_standard_output_is_refused_before_anything_runs() {
    for script in [
        r#"exec "$0" "$@" >&-"#,
        r#"exec "$0" "$@" >&- 2>&-"#,
        r#"exec "$0" "$@" <&- >&-"#,
        r#"exec "$0" "$@" 1<>/dev/null"#,
        r#"exec "$0" "$@" -o /dev/stdout >&-"#,
    ] {
        let command = in_shell(script, &["--offline", "--delay=0s"]);
        let done = run_with(command, tasks(0..5).as_bytes());
        assert_eq!(done.code(), Some(1), "{script}: {done:?}");
        assert!(done.events().is_empty(), "{script}: {done:?}");
        if !script.contains("2>&-") {
            let said = "error: standard output is closed";
            assert!(done.stderr.contains(said), "{script}: {done:?}");
            assert!(done.stderr.contains("-o FILE"), "{script}: {done:?}");
        }
    }
}

#[test]
fn a_closed_standard_output_is_fine_when_no_results_go_there() {
    let (_folder, input, output) = folder(3);
    for arguments in [&["-o"][..], &["--check", "-o"]] {
        let mut command = in_shell(r#"exec "$0" "$@" >&-"#, &["--offline", "--delay=0s"]);
        command.arg(&input).args(arguments).arg(&output);
        let done = run_with(command, b"");
        assert_eq!(done.code(), Some(0), "{done:?}");
    }
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 4);
}

#[test]
fn results_are_discarded_when_asked_for() {
    for script in [
        r#"exec "$0" "$@" > /dev/null"#,
        r#"exec "$0" "$@" >&- -o /dev/null"#,
    ] {
        let command = in_shell(script, &["--offline", "--delay=0s"]);
        let done = run_with(command, tasks(0..5).as_bytes());
        assert_eq!(done.code(), Some(0), "{script}: {done:?}");
    }
}

#[test]
fn a_standard_output_that_is_open_for_reading_alone_fails_the_run() {
    let command = in_shell(
        r#"exec "$0" "$@" 1</dev/null"#,
        &["--offline", "--delay=0s"],
    );
    let done = run_with(command, tasks(0..3).as_bytes());
    assert_eq!(done.code(), Some(1), "{done:?}");
    let said = "error: cannot write the results: Bad file descriptor";
    assert!(done.stderr.contains(said), "{done:?}");
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    for argument in ["--help", "--version"] {
        let done = run_with(in_shell(r#"exec "$0" "$@" > /dev/full"#, &[argument]), b"");
        assert_eq!(done.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains("No space left"), "{done:?}");
    }
}

#[test]
fn a_status_that_cannot_be_written_is_a_failure() {
    let kept = Kept::with_rows(3);
    kept.run(&["--offline", "--delay=0s"]);
    for script in [r#"exec "$0" "$@" >&-"#, r#"exec "$0" "$@" > /dev/full"#] {
        let mut command = in_shell(script, &["status", "run.db"]);
        command.current_dir(kept.path("."));
        let done = run_with(command, b"");
        assert_eq!(done.code(), Some(1), "{done:?}");
        let said = "error: cannot write the status: ";
        assert!(done.stderr.contains(said), "{done:?}");
    }
}

#[test]
fn results_do_not_wait_for_the_run_to_end() {
    let server = Server::start(|request| match request {
        0 => Answer::OK,
        _ => Answer::After(Duration::from_secs(2)),
    });
    let url = server.url();
    let (_folder, input, _) = folder(2);
    let mut command = csv_runner(&["--mode=streaming", "--delay=0s", "--concurrency=1"]);
    command.args(["--url", &url]).arg(&input);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running::start_as_is_unread(command);
    let begun = Instant::now();
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "0,Completed,");
    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(lines.next().unwrap().unwrap(), "1,Completed,");
    assert!(running.finish().status.success());
}

#[test]
fn a_reader_that_pauses_loses_nothing() {
    let (_folder, input, _) = folder(20_000);
    let mut command = csv_runner(&["--offline", "--delay=0s", "--quiet", "--window=100"]);
    command
        .arg(&input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running::start_as_is_unread(command);
    std::thread::sleep(Duration::from_millis(300));
    let mut text = String::new();
    let mut stdout = running.child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 20_001);
    assert!(running.finish().status.success());
}

#[test]
fn a_file_gets_its_name_when_it_is_complete() {
    let (folder, input, output) = folder(1_500);
    fs::write(&output, "of old").unwrap();
    let done = to_file(&input, &output, &[]);
    assert_eq!(
        (done.code(), done.stdout.as_str()),
        (Some(0), ""),
        "{done:?}"
    );
    assert_eq!(names(&folder), ["results.csv", "tasks.csv"]);
    let text = fs::read_to_string(&output).unwrap();
    assert!(text.starts_with("task_id,final_status,error_info\n0,Completed,\n"));
    assert_eq!(text.lines().count(), 1_501);
}

#[test]
fn a_file_that_is_not_complete_keeps_the_name_of_a_partial_one() {
    let (folder, input, output) = folder(3);
    fs::write(&output, "of old").unwrap();
    let mut rows = fs::read_to_string(&input).unwrap();
    rows.push_str("x,bad\n");
    fs::write(&input, rows).unwrap();

    let done = to_file(&input, &output, &[]);
    assert_eq!(done.code(), Some(2));
    assert_eq!(names(&folder), ["results.csv", "tasks.csv"]);

    let done = to_file(&input, &output, &["--skip-bad-rows"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert_eq!(
        names(&folder),
        ["results.csv", "results.csv.partial", "tasks.csv"]
    );
    assert_eq!(fs::read_to_string(&output).unwrap(), "of old");
    let partial = fs::read_to_string(folder.path().join("results.csv.partial")).unwrap();
    assert_eq!(partial.lines().count(), 4);
    assert!(done.stderr.contains("results.csv.partial"), "{done:?}");
}

#[test]
fn two_runs_do_not_write_into_one_file() {
    let (folder, input, output) = folder(3);
    let mut first = csv_runner(&["--offline", "--delay=60s", "--quiet", "-o"]);
    let mut first = first.arg(&output).arg(&input).spawn().unwrap();
    let partial = folder.path().join("results.csv.partial");
    let begin = Instant::now();
    while !partial.exists() && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The lock follows the file by an instant.
    std::thread::sleep(Duration::from_millis(100));
    let second = to_file(&input, &output, &[]);
    assert_eq!(second.code(), Some(2), "{second:?}");
    assert!(second.stderr.contains("is being written by another run"));
    first.kill().unwrap();
    first.wait().unwrap();
    let third = to_file(&input, &output, &[]);
    assert_eq!(third.code(), Some(0), "{third:?}");
    assert_eq!(names(&folder), ["results.csv", "tasks.csv"]);
}

#[test]
fn a_partial_file_that_is_not_a_leftover_is_left_alone() {
    let (folder, input, output) = folder(3);
    let partial = folder.path().join("results.csv.partial");
    let precious = folder.path().join("precious");
    fs::write(&precious, "").unwrap();
    let symbolic = |path: &Path| std::os::unix::fs::symlink("precious", path).unwrap();
    let dangling = |path: &Path| std::os::unix::fs::symlink("missing", path).unwrap();
    let hard = |path: &Path| fs::hard_link(&precious, path).unwrap();
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let text = |path: &Path| fs::write(path, "of the user").unwrap();
    let empty_folder = |path: &Path| fs::create_dir(path).unwrap();
    let kinds: [&dyn Fn(&Path); 6] = [&symbolic, &dangling, &hard, &pipe, &text, &empty_folder];
    for make in kinds {
        make(&partial);
        let before = fs::symlink_metadata(&partial).unwrap();
        let done = to_file(&input, &output, &[]);
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 4);
        let after = fs::symlink_metadata(&partial).unwrap();
        assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));
        assert_eq!(fs::metadata(&precious).unwrap().len(), 0);
        assert_eq!(
            names(&folder),
            [
                "precious",
                "results.csv",
                "results.csv.partial",
                "tasks.csv"
            ]
        );
        if after.is_dir() {
            fs::remove_dir(&partial).unwrap();
        } else {
            fs::remove_file(&partial).unwrap();
        }
        fs::remove_file(&output).unwrap();
    }
}

#[test]
fn a_random_name_is_reported_when_the_results_are_not_complete() {
    let (folder, input, output) = folder(3);
    fs::write(folder.path().join("results.csv.partial"), "of the user").unwrap();
    fs::write(&input, "task_id,task_type\n1,a\nx,bad\n").unwrap();
    let done = to_file(&input, &output, &["--skip-bad-rows"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    let said = "the results are in ";
    let line = done.stderr.lines().find_map(|line| line.strip_prefix(said));
    let path = Path::new(line.unwrap());
    assert_ne!(path, folder.path().join("results.csv.partial"));
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 2);
}

#[test]
fn a_leftover_of_an_earlier_run_is_replaced() {
    let (folder, input, output) = folder(3);
    let partial = folder.path().join("results.csv.partial");
    for leftover in [
        "",
        "task_id,fin",
        "task_id,final_status,error_info\n9,Completed,\n",
    ] {
        fs::write(&partial, leftover).unwrap();
        let done = to_file(&input, &output, &[]);
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert_eq!(names(&folder), ["results.csv", "tasks.csv"]);
        assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 4);
    }
}

#[test]
fn a_results_file_has_the_mode_of_the_old_one_or_of_any_new_one() {
    let (folder, _, output) = folder(3);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let run = || {
        let mut command = in_shell(
            r#"umask 027; exec "$0" "$@""#,
            &["--offline", "--delay=0s", "-o", "results.csv", "tasks.csv"],
        );
        command.current_dir(folder.path());
        let done = run_with(command, b"");
        assert_eq!(done.code(), Some(0), "{done:?}");
    };
    run();
    assert_eq!(mode(&output), 0o640);
    // A leftover's mode is not taken over.
    let partial = folder.path().join("results.csv.partial");
    fs::write(&partial, "").unwrap();
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o777)).unwrap();
    fs::remove_file(&output).unwrap();
    run();
    assert_eq!(mode(&output), 0o640);
    fs::set_permissions(&output, fs::Permissions::from_mode(0o604)).unwrap();
    fs::write(&partial, "of the user").unwrap();
    run();
    assert_eq!(mode(&output), 0o604);
}

#[test]
fn the_tasks_file_is_not_written_over() {
    let (folder, input, _) = folder(3);
    let link = folder.path().join("link.csv");
    std::os::unix::fs::symlink(&input, &link).unwrap();
    let hard = folder.path().join("hard.csv");
    fs::hard_link(&input, &hard).unwrap();
    for output in [&input, &link, &hard] {
        let done = to_file(&input, output, &[]);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.stderr.contains("is the tasks file"), "{done:?}");
    }
    let partial = folder.path().join("t.partial");
    fs::rename(&input, &partial).unwrap();
    let done = to_file(&partial, &folder.path().join("t"), &[]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(fs::read_to_string(&partial).unwrap(), tasks(0..3));

    let mut command = csv_runner(&["--offline", "--delay=0s"]);
    command.arg(&partial);
    let append = File::options().append(true).open(&partial).unwrap();
    command
        .stdout(append)
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    let done = Running::start_as_is(command).finish();
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_eq!(fs::read_to_string(&partial).unwrap(), tasks(0..3));
}

#[test]
fn a_link_stays_a_link() {
    let (folder, input, output) = folder(3);
    fs::write(&output, "of old").unwrap();
    let link = folder.path().join("latest.csv");
    std::os::unix::fs::symlink("results.csv", &link).unwrap();
    assert_eq!(to_file(&input, &link, &[]).code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 4);

    // Also where it names what is not there yet.
    fs::remove_file(&output).unwrap();
    assert_eq!(to_file(&input, &link, &[]).code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 4);
}

#[test]
fn a_dash_is_standard_output() {
    let (folder, input, _) = folder(3);
    let mut command = csv_runner(&["--offline", "--delay=0s", "-o", "-"]);
    command.arg(&input).current_dir(folder.path());
    let done = run_with(command, b"");
    assert_eq!(done.rows().len(), 3, "{done:?}");
    assert_eq!(names(&folder), ["tasks.csv"]);
}

#[test]
fn standard_output_under_its_own_name_is_added_to() {
    let (folder, input, output) = folder(3);
    fs::write(&output, "of before\n").unwrap();
    let mut command = csv_runner(&["--offline", "--delay=0s", "-o", "/dev/stdout"]);
    let append = File::options().append(true).open(&output).unwrap();
    command
        .arg(&input)
        .stdout(append)
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    let done = Running::start_as_is(command).finish();
    assert_eq!(done.code(), Some(0), "{done:?}");
    let written = fs::read_to_string(&output).unwrap();
    assert!(written.starts_with("of before\ntask_id,"), "{written}");
    assert_eq!(written.lines().count(), 5);
    assert_eq!(names(&folder), ["results.csv", "tasks.csv"]);
}

#[test]
fn what_is_no_regular_file_is_written_directly() {
    let (folder, input, _) = folder(3);
    let fifo = folder.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let reader = {
        let fifo = fifo.clone();
        std::thread::spawn(move || fs::read_to_string(fifo))
    };
    assert_eq!(to_file(&input, &fifo, &[]).code(), Some(0));
    assert_eq!(reader.join().unwrap().unwrap().lines().count(), 4);
    assert_eq!(names(&folder), ["fifo", "tasks.csv"]);

    let done = to_file(&input, Path::new("/dev/stdout"), &[]);
    assert_eq!(done.rows().len(), 3, "{done:?}");
}

#[test]
fn an_output_that_cannot_be_is_a_usage_error() {
    let (folder, input, _) = folder(3);
    for output in [
        folder.path(),
        &folder.path().join("missing/results.csv"),
        // A folder in which nobody may create files, not even root.
        Path::new("/proc/results.csv"),
    ] {
        let done = to_file(&input, output, &[]);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.events().is_empty());
    }
}

#[test]
fn quiet_leaves_only_errors() {
    let done = run(&["--offline", "--delay=0s", "--quiet"], tasks(0..5));
    assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""));
    let done = run(&["--quiet"], "task_id,task_type\nx,a\n");
    assert!(done.stderr.contains("line 2"), "{done:?}");
}

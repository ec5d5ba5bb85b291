//! What somebody at a terminal sees.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::cli::{Finished, Running, csv_runner, tasks};
use crate::kept::Kept;
use crate::server::{Answer, Server};

/// A run on a terminal.
struct OnTerminal {
    running: Running,
    /// The terminal's other end.
    terminal: File,
    folder: tempfile::TempDir,
}

/// Starts the program on three rows, with its outputs on a terminal of this many columns.
fn start(arguments: &[&str], columns: u16) -> OnTerminal {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_bytes();
    let name = std::ffi::OsString::from_vec(name);
    let open = || File::options().read(true).write(true).open(&name).unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tasks.csv"), tasks(0..3)).unwrap();
    let mut command = csv_runner(&["--offline", "tasks.csv"]);
    command
        .args(arguments)
        .current_dir(folder.path())
        // Where it is not said what kind of terminal it is, there is no bar.
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(open())
        .stderr(open());
    // It takes its ends of the terminal with it, so that what is on it comes to an end.
    OnTerminal {
        running: Running::start_as_is(command),
        terminal: File::from(terminal),
        folder,
    }
}

impl OnTerminal {
    /// Reads what the program writes, until this is among it.
    fn read_until(&mut self, wanted: &str) -> String {
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains(wanted) {
            let mut buffer = [0; 4096];
            let read = self.terminal.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Waits for the end. Returns the rest of what was written, and the exit code.
    fn finish(mut self) -> (String, Option<i32>) {
        let mut bytes = Vec::new();
        // Linux ends it by an error.
        let _ = self.terminal.read_to_end(&mut bytes);
        drop(self.folder);
        let code = self.running.finish().code();
        (String::from_utf8(bytes).unwrap(), code)
    }
}

/// Runs the program to its end, and returns what is on the terminal.
fn seen(arguments: &[&str]) -> String {
    let arguments = [&["--delay=300ms"], arguments].concat();
    let (text, code) = start(&arguments, 80).finish();
    assert_eq!(code, Some(0), "{text}");
    text
}

/// The lines of a terminal that has been sent this text: those that were cleared or written over are
/// not among them.
fn screen(text: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize_with(lines.len().max(row + 1), Vec::new);
            }
            '\u{1b}' => {
                assert_eq!(characters.next(), Some('['), "{text:?}");
                let mut parameter = String::new();
                let command = loop {
                    match characters.next().unwrap() {
                        c if c.is_ascii_alphabetic() => break c,
                        c => parameter.push(c),
                    }
                };
                match (&*parameter, command) {
                    ("2", 'K') => lines[row].clear(),
                    ("" | "0", 'K') => lines[row].truncate(column),
                    (count, 'A') => row -= count.parse().unwrap_or(1),
                    (_, 'm') => {}
                    other => panic!("{other:?} in {text:?}"),
                }
            }
            c => {
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.into_iter().map(String::from_iter).collect()
}

#[test]
fn results_do_not_run_into_the_progress_bar() {
    for arguments in [&[][..], &["-o", "-"]] {
        let text = seen(arguments);
        let lines: Vec<_> = text.lines().collect();
        for row in [
            "task_id,final_status,error_info",
            "0,Completed,",
            "2,Completed,",
        ] {
            assert!(lines.contains(&row), "{text}");
        }
        assert!(!text.contains("/3 rows"), "{text}");
    }
}

#[test]
fn progress_is_shown_where_results_go_elsewhere() {
    for arguments in [&["-o", "results.csv"], &["-o", "/dev/null"]] {
        let text = seen(arguments);
        assert!(text.contains("/3 rows"), "{text}");
    }
    let text = seen(&["-o", "results.csv", "--no-progress"]);
    assert!(!text.contains("/3 rows"), "{text}");
}

#[test]
fn progress_fits_a_narrow_terminal() {
    let arguments = ["-o", "results.csv", "--delay=300ms"];
    let (text, code) = start(&arguments, 40).finish();
    assert_eq!(code, Some(0), "{text}");
    // Each time that the bar is drawn.
    let drawn = text.split(['\r', '\n']);
    let drawn: Vec<_> = drawn.filter(|line| line.contains("/3 rows")).collect();
    assert!(!drawn.is_empty(), "{text}");
    for line in drawn {
        let line = screen(line).concat();
        assert!(line.chars().count() <= 40, "{line:?}");
    }
}

#[test]
fn progress_shows_no_time_left_before_anything_has_ended() {
    let mut on = start(&["-o", "results.csv", "--delay=60s"], 80);
    let text = on.read_until("3 waiting");
    assert!(!text.contains("left") && !text.contains("/s"), "{text}");
}

#[test]
fn the_progress_bar_is_removed_at_an_interrupt() {
    let mut on = start(&["-o", "results.csv", "--delay=60s"], 80);
    let mut text = on.read_until("3 waiting");
    assert!(screen(&text).iter().any(|line| line.contains("/3 rows")));
    on.running.signal("INT");
    let (rest, code) = on.finish();
    assert_eq!(code, Some(130), "{rest}");
    text.push_str(&rest);
    let screen = screen(&text);
    assert!(
        !screen.iter().any(|line| line.contains("/3 rows")),
        "{screen:#?}"
    );
}

/// Begins a sequence of a terminal in two ways, reverses text, and breaks a line.
const EVIL: &str = "\u{1b}]0;evil\u{7}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{2028}";

fn assert_harmless(done: &Finished) {
    for text in [&done.stdout, &done.stderr] {
        let obeyed = text
            .chars()
            .find(|&c| EVIL.contains(c) && !c.is_ascii_graphic());
        assert_eq!(obeyed, None, "{done:?}");
    }
}

#[test]
fn names_and_types_do_nothing_to_a_terminal() {
    let kept = Kept::new(format!("task_id,task_type\n1,{EVIL}\n"));
    let run = |arguments: &[&str], code| {
        let mut command = csv_runner(arguments);
        command
            .args(["--offline", "--delay=0s"])
            .current_dir(kept.path("."));
        let done = Running::start(command).finish();
        assert_eq!(done.code(), Some(code), "{done:?}");
        assert_harmless(&done);
        done
    };
    let evil = |suffix: &str| format!("{}{suffix}", EVIL.replace('/', ""));
    let done = run(&["tasks.csv"], 0);
    assert_eq!(done.events().len(), 1, "{done:?}");

    // The tasks file: missing, and with bad rows.
    let name = evil(".csv");
    let done = run(&[&name], 2);
    assert!(
        done.stderr.contains("cannot open \\u{1b}]0;evil"),
        "{done:?}"
    );
    std::fs::write(
        kept.path(&name),
        format!("task_id,task_type\n{EVIL},a\n1,b\n"),
    )
    .unwrap();
    run(&[&name], 2);

    // The results file and its partial one.
    run(&["tasks.csv", "-o", &evil("/results.csv")], 2);
    run(&["--skip-bad-rows", &name, "-o", &evil(".results")], 3);

    // The journal, and the arguments themselves.
    run(&["tasks.csv", "--journal", &evil("/run.db")], 2);
    run(&["tasks.csv", "--journal", &evil(".db"), "-q"], 0);
    let done = run(&["tasks.csv", "--journal", &evil(".db"), "-q"], 0);
    assert!(done.stderr.contains("finished"), "{done:?}");
    run(&["--run", EVIL], 2);
    run(&["--concurrency", EVIL], 2);
    run(&["tasks.csv", EVIL], 2);
}

#[test]
fn a_crafted_journal_does_nothing_to_a_terminal() {
    let server = Server::always(Answer::status(404));
    let kept = Kept::with_rows(1);
    kept.run(&["--url", &server.url(), "--delay=0s"]);
    let journal = rusqlite::Connection::open(kept.path("run.db")).unwrap();
    let renamed = journal.execute("UPDATE step SET name = name || ?1", [EVIL]);
    assert!(renamed.unwrap() > 0);
    drop(journal);
    let status = kept.status();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(
        status.stdout.contains("fetch_data\\u{1b}]0;evil"),
        "{status:?}"
    );
    assert_harmless(&status);
    assert_harmless(&kept.run(&["--url", &server.url()]));
}

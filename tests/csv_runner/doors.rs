//! What comes out of each door, and in which order.

use std::time::Duration;

use crate::cli::{run, tasks};
use crate::server::{Answer, Server};

const DOORS: [&str; 2] = ["channel", "streaming"];
const SEED: &str = "task_id,task_type\n101,a\n102,b\n101,c\n103,d\n";

#[test]
fn an_id_of_several_rows_stands_where_the_door_can_know_it() {
    for (door, expected) in [("channel", [101, 102, 103]), ("streaming", [102, 101, 103])] {
        let done = run(&["--offline", "--delay=0s", "--mode", door], SEED);
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert_eq!(done.rows(), expected.map(|id| format!("{id},Completed,")));
        // All rows were executed.
        assert_eq!(done.events().len(), 4, "{done:?}");
        assert!(done.stderr.contains(&format!("through the {door} door")));
    }
}

#[test]
fn no_row_gives_a_header() {
    for door in DOORS {
        let done = run(&["--offline", "--mode", door], "task_id,task_type\n");
        assert_eq!(done.code(), Some(0), "{done:?}");
        assert!(done.rows().is_empty());
    }
}

#[test]
fn a_thousand_rows_and_one_more_come_out_of_either_door() {
    for rows in [1_000, 1_001] {
        for door in ["auto", "channel", "streaming"] {
            let arguments = ["--offline", "--delay=1ms", "--mode", door];
            let done = run(&arguments, tasks((0..rows).rev()));
            assert_eq!(done.code(), Some(0), "{done:?}");
            let expected: Vec<_> = (0..rows)
                .rev()
                .map(|id| format!("{id},Completed,"))
                .collect();
            assert_eq!(done.rows(), expected);
            assert_eq!(done.events().len() as u64, rows);
            let auto = if rows == 1_000 {
                "channel"
            } else {
                "streaming"
            };
            let door = if door == "auto" { auto } else { door };
            assert!(done.stderr.contains(&format!("through the {door} door")));
        }
    }
}

/// With one step at a time rows are fetched in their order; a row that is answered 503 tries again
/// after the others, and is answered `last` then.
fn first_row_finishes_last(last: u16) -> Server {
    Server::start(move |request| match request {
        0 => Answer::status(503),
        4 => Answer::status(last),
        _ => Answer::OK,
    })
}

#[test]
fn the_last_rows_result_is_kept_whatever_order_they_finish_in() {
    for door in DOORS {
        let server = first_row_finishes_last(404);
        let arguments = [
            "--concurrency=1",
            "--delay=0s",
            "--mode",
            door,
            "--url",
            &server.url(),
        ];
        let done = run(&arguments, SEED);
        assert_eq!(done.code(), Some(0), "{done:?}");
        let mut kept = done.rows();
        kept.retain(|row| row.starts_with("101,"));
        assert_eq!(kept, ["101,Completed,"], "{done:?}");
        assert!(
            done.stderr.contains("3 completed, 1 failed of 4 rows"),
            "{done:?}"
        );
    }
}

#[test]
fn results_come_in_the_order_of_completion_if_asked_for() {
    for door in DOORS {
        let server = first_row_finishes_last(200);
        let url = server.url();
        let arguments = [
            "--concurrency=1",
            "--delay=0s",
            "--order=completion",
            "--mode",
            door,
        ];
        let arguments = [&arguments[..], &["--url", &url]].concat();
        let done = run(&arguments, tasks([1, 2, 3, 4]));
        let expected = [2, 3, 4, 1].map(|id| format!("{id},Completed,"));
        assert_eq!(done.rows(), expected, "{done:?}");
    }
}

#[test]
fn a_window_smaller_than_the_concurrency_is_no_deadlock() {
    let arguments = ["--offline", "--delay=1ms", "--window=3", "--mode"];
    for door in DOORS {
        let done = run(&[&arguments[..], &[door]].concat(), tasks(0..200));
        assert_eq!(done.rows().len(), 200, "{done:?}");
    }
}

#[test]
fn waiting_takes_no_place() {
    // 50 rows wait together although one step runs at a time; in turn they would take 15 s.
    let begun = std::time::Instant::now();
    let arguments = ["--offline", "--delay=300ms", "--concurrency=1"];
    let done = run(&arguments, tasks(0..50));
    assert_eq!(done.rows().len(), 50, "{done:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

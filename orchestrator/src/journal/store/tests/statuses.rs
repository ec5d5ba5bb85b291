use super::*;

fn some_of_each(place: &Place) -> Store {
    let store = place.open();
    store.append(
        vec![
            stands(0, "fetch", "0"),
            waits(1, 50),
            waits(2, 150),
            waits(3, 150),
            completed(4),
            failed(5, "no"),
            failed(6, "no"),
            failed(7, "never"),
        ],
        None,
    );
    store.append(vec![completed(0), stands(8, "parse", "8")], None);
    store.mark(Mark::Taken, Some(42), None);
    store
}

fn check(status: &Status) {
    assert_eq!(status.identity, identity());
    assert_eq!(status.run, run());
    assert_eq!(
        status.marks,
        Marks {
            taken: Some(42),
            ..Marks::default()
        }
    );
    let step = |name: &str, ready, waiting, failed| StepStatus {
        name: name.to_owned(),
        ready,
        waiting,
        failed,
    };
    assert_eq!(
        status.steps,
        [step("fetch", 1, 2, 0), step("parse", 1, 0, 3)]
    );
    assert_eq!((status.completed, status.failed), (2, 3));
    let failure = |message: &str, tasks| Failure {
        step: "parse".to_owned(),
        kind: FailureKind::TimedOut,
        message: message.to_owned(),
        tasks,
    };
    assert_eq!(status.failures, [failure("no", 2), failure("never", 1)]);
    assert_eq!(status.wakes, [(150, 2)]);
}

#[test]
fn a_run_can_be_looked_at_while_it_is_on_and_after_it() {
    let place = Place::new();
    let store = some_of_each(&place);
    check(&status(&place.path, 100).unwrap());
    // The look did not cost the store its locks.
    store.append(vec![completed(4)], None);
    store.close().unwrap();
    check(&status(&place.path, 100).unwrap());
    // And left nothing behind.
    assert_eq!(
        std::fs::read_dir(place.directory.path()).unwrap().count(),
        1
    );
}

#[test]
fn what_was_folded_counts_like_what_was_not() {
    let place = Place::new();
    drop(some_of_each(&place));
    let store = place.open_short(1);
    store.append(vec![completed(4)], None);
    store.append(vec![stands(8, "parse", "9")], None);
    check(&status(&place.path, 100).unwrap());
}

#[test]
fn a_run_that_crashed_can_be_looked_at() {
    let place = super::refusals::crashed();
    let status = status(&place.path, 0).unwrap();
    assert_eq!(
        (status.steps[0].ready, status.steps[1].ready, status.failed),
        (1, 2, 1)
    );
    assert_eq!(place.open().recall(0..9).unwrap().len(), 4);
}

#[test]
fn without_a_journal_there_is_no_status() {
    let place = Place::new();
    let error = status(&place.path, 0).unwrap_err();
    assert!(matches!(error.kind(), Kind::Missing), "{error}");
}

#[test]
fn marks_stay_and_can_be_taken_away() {
    let place = Place::new();
    let store = some_of_each(&place);
    store.mark(Mark::Finished, Some(43), None);
    drop(store);
    let store = place.open();
    let both = Marks {
        taken: Some(42),
        finished: Some(43),
        ..Marks::default()
    };
    assert_eq!(store.marks(), both);
    store.mark(Mark::Finished, None, None);
    assert_eq!(store.marks().finished, None);
    drop(store);
    assert_eq!(place.open().marks().finished, None);
}

#[test]
fn each_mark_is_kept_for_itself() {
    let place = Place::new();
    for (at, mark) in (1..).zip([Mark::Taken, Mark::Finished, Mark::Read, Mark::Sent]) {
        place.open().mark(mark, Some(at), None);
    }
    let marks = Marks {
        taken: Some(1),
        finished: Some(2),
        read: Some(3),
        sent: Some(4),
    };
    assert_eq!(place.open().marks(), marks);
    assert_eq!(status(&place.path, 0).unwrap().marks, marks);
}

#[test]
fn a_person_can_ask_the_view() {
    let place = Place::new();
    let store = some_of_each(&place);
    store.append(
        vec![Record {
            id: u64::MAX,
            ..waits(2, 4_000_000_000_000)
        }],
        None,
    );
    let shell = place.shell();
    let mut statement = shell
        .prepare(
            "SELECT ordinal, CAST(task_id AS TEXT), step, state, wake, json FROM now ORDER BY 1",
        )
        .unwrap();
    let rows: Vec<String> = statement
        .query_map([], |row| {
            let text = |index| row.get::<_, Option<String>>(index);
            Ok(format!(
                "{} {} {:?} {} {:?} {}",
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                text(2)?,
                row.get::<_, String>(3)?,
                text(4)?,
                row.get::<_, String>(5)?,
            ))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(rows[0], "0 100 None completed None null");
    assert_eq!(
        rows[1],
        r#"1 101 Some("fetch") ready Some("1970-01-01T00:00:00.050Z") 1"#
    );
    assert_eq!(
        rows[2],
        r#"2 18446744073709551615 Some("fetch") waiting Some("2096-10-02T07:06:40.000Z") 1"#
    );
    assert_eq!(rows[5], r#"5 105 Some("parse") failed None no"#);
}

#[test]
fn a_reader_that_holds_up_the_write_ahead_log_is_reported() {
    let place = Place::new();
    let store = place
        .open_tuned(Tuning {
            checkpoint_pages: 8,
            ..Tuning::default()
        })
        .unwrap();
    store.append(vec![completed(0)], None);
    let reader = place.shell();
    reader.execute_batch("BEGIN; SELECT * FROM log").unwrap();
    for ordinal in 0..20 {
        store.append(vec![stands(ordinal, "fetch", &"x".repeat(9_000))], None);
    }
    let held = || status(&place.path, 0).unwrap().held_pages;
    assert!(held() > 20, "{}", held());
    reader.execute_batch("END").unwrap();
    for ordinal in 0..20 {
        store.append(vec![stands(ordinal, "fetch", "x")], None);
    }
    assert_eq!(held(), 0);
}

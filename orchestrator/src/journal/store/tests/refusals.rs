use std::collections::BTreeMap;
use std::fs;

use super::*;

/// The database, its log and whatever else is in the directory, with their bytes. The lock and `SQLite`'s shared memory are not
/// part of a journal.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(place.directory.path()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    });
    files
        .filter(|(name, _)| !name.ends_with(".lock") && !name.ends_with("-shm"))
        .collect()
}

/// The files as they are, in another place.
fn as_of_a_crash(place: &Place) -> Place {
    let after = Place::new();
    for (name, bytes) in files(place) {
        fs::write(after.directory.path().join(name), bytes).unwrap();
    }
    after
}

/// A journal as a crash leaves it: with a write-ahead log.
pub(super) fn crashed() -> Place {
    let place = Place::new();
    let store = place.open();
    store.append(vec![stands(0, "fetch", "0"), stands(1, "parse", "1")], None);
    store.append(vec![stands(2, "parse", "2"), failed(3, "no")], None);
    let after = as_of_a_crash(&place);
    assert!(fs::metadata(files::wal(&after.path)).unwrap().len() > 0);
    after
}

/// Checks that the journal is refused for its identity, with its files as they were.
pub(super) fn check_refused(place: &Place, what: &str) {
    let other = Identity {
        blueprint: "Mail".to_owned(),
        ..identity()
    };
    let message = refused(place, &other);
    assert!(
        message.contains("belongs to the blueprint"),
        "{what}: {message}"
    );
}

/// The message with which this is refused. Checks that the database and its log are as they were.
fn refused(place: &Place, identity: &Identity) -> String {
    let before = files(place);
    let error = Opening::new(&place.path)
        .and_then(|opening| opening.begin(identity, run, Commits::Inline))
        .unwrap_err();
    let after = files(place);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    assert!(before == after, "a file was changed");
    error
        .to_string()
        .replace(&error.path().display().to_string(), "FILE")
}

#[test]
fn another_blueprint() {
    let identity = Identity {
        blueprint: "Mail".to_owned(),
        ..identity()
    };
    assert_eq!(
        refused(&crashed(), &identity),
        "the journal FILE belongs to the blueprint `Crawl`, not to `Mail`: give another path, or delete the journal to begin anew"
    );
}

#[test]
fn another_fact() {
    let mut other = identity();
    other.facts[0].1 = "completion".to_owned();
    assert_eq!(
        refused(&crashed(), &other),
        "the journal FILE was begun with order `input`, and now it is `completion`: run with what it was begun with, give another path, or delete the journal to begin anew"
    );
    other.facts.clear();
    assert!(refused(&crashed(), &other).contains("order `input`, and now it is unset:"));
    other = identity();
    other.facts.push(("door".to_owned(), "channel".to_owned()));
    assert!(refused(&crashed(), &other).contains("door unset, and now it is `channel`:"));
}

#[test]
fn a_step_that_is_gone_while_tasks_stand_at_it() {
    let mut other = identity();
    other.steps = vec!["fetch".to_owned(), "save".to_owned()];
    let message = "in the journal FILE 2 tasks stand at `parse`, which the blueprint no longer has (ids 101, 102): bring the step back under this name until they are through, or delete the journal to begin anew";
    let place = crashed();
    assert_eq!(refused(&place, &other), message);
    drop(place.open());
    assert_eq!(refused(&place, &other), message);
}

#[test]
fn a_step_at_which_no_task_stands_may_go_and_come_back() {
    let place = crashed();
    let store = place.open();
    store.append(vec![completed(1), completed(2)], None);
    drop(store);
    let begin = |steps: &[&str]| {
        let steps = steps.iter().map(|&step| step.to_owned()).collect();
        let opening = Opening::new(&place.path).unwrap();
        opening
            .begin(
                &Identity {
                    steps,
                    ..identity()
                },
                run,
                Commits::Inline,
            )
            .unwrap()
    };
    let steps = || {
        Opening::new(&place.path)
            .unwrap()
            .identity()
            .unwrap()
            .steps
            .clone()
    };
    let store = begin(&["fetch", "save"]);
    assert_eq!(store.recall(3..4).unwrap(), [failed(3, "no")]);
    drop(store);
    assert_eq!(steps(), ["fetch", "save"]);
    drop(begin(&["fetch", "parse", "save"]));
    assert_eq!(steps(), ["fetch", "parse", "save"]);
}

#[test]
fn a_new_step_is_seen_by_the_next_look_whatever_comes_between() {
    let place = crashed();
    let mut more = identity();
    more.steps.push("save".to_owned());
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&more, run, Commits::Inline)
        .unwrap();
    store.append(vec![completed(0)], None);
    let after = as_of_a_crash(&place);
    assert_eq!(Opening::new(&after.path).unwrap().identity(), Some(&more));
}

#[test]
fn a_newer_format() {
    let place = crashed();
    drop(place.open());
    place
        .shell()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    assert_eq!(
        refused(&place, &identity()),
        "the journal FILE has format 2, and this program knows formats up to 1: run it with a later version of this library"
    );
}

#[test]
fn what_is_no_journal() {
    let message = "FILE is not a journal: give another path; the file was left as it is";
    for text in ["x", "no database at all\n", &"long\n".repeat(10_000)] {
        let place = Place::new();
        fs::write(&place.path, text).unwrap();
        assert_eq!(refused(&place, &identity()), message);
        assert!(!place.directory.path().join("run.db.lock").exists());
    }
    let place = Place::new();
    place.shell().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(refused(&place, &identity()), message);
    let place = Place::new();
    fs::create_dir(&place.path).unwrap();
    let error = place.try_open().unwrap_err();
    assert!(matches!(error.kind(), Kind::NotAJournal), "{error}");
}

#[test]
fn a_journal_that_is_in_use() {
    let place = Place::new();
    let store = place.open();
    store.append(vec![completed(0)], None);
    assert_eq!(
        refused(&place, &identity()),
        "the journal FILE is in use by another run: wait for that to end, or give another path"
    );
    #[cfg(unix)]
    {
        let link = place.directory.path().join("link.db");
        std::os::unix::fs::symlink(&place.path, &link).unwrap();
        let error = Opening::new(&link).unwrap_err();
        assert!(matches!(error.kind(), Kind::Locked), "{error}");
    }
    store.append(vec![completed(1)], None);
    store.close().unwrap();
    assert_eq!(
        place.open().recall(0..9).unwrap(),
        [completed(0), completed(1)]
    );
}

#[test]
fn a_look_alone_makes_no_journal() {
    let place = Place::new();
    assert_eq!(Opening::new(&place.path).unwrap().identity(), None);
    assert!(!place.path.exists());
    let place = crashed();
    let before = files(&place);
    assert_eq!(
        Opening::new(&place.path).unwrap().identity(),
        Some(&identity())
    );
    assert!(before == files(&place));
}

#[test]
fn an_empty_file_becomes_a_journal() {
    let place = Place::new();
    fs::write(&place.path, "").unwrap();
    drop(place.open());
    assert_eq!(
        Opening::new(&place.path).unwrap().identity(),
        Some(&identity())
    );
}

#[test]
fn a_journal_is_not_made_with_the_log_of_one_that_was_deleted() {
    let place = crashed();
    fs::remove_file(&place.path).unwrap();
    assert_eq!(place.open().ordinals(), 0);
}

#[test]
fn a_name_with_all_sorts_of_characters_works() {
    let mut place = Place::new();
    place.path = place.directory.path().join("a b?c#d%41é&.db");
    let store = place.open();
    store.append(vec![completed(0)], None);
    drop(store);
    assert_eq!(place.open().recall(0..1).unwrap(), [completed(0)]);
}

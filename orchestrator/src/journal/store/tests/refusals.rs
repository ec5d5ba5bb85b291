use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::summary::Summary;
use super::*;

/// The database, its log and whatever else is in the directory, with their bytes. The lock and `SQLite`'s shared memory are not
/// part of a journal.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(place.directory.path()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    });
    let is_part = |name: &str| !name.contains(".lock") && !name.contains("-shm");
    files.filter(|(name, _)| is_part(name)).collect()
}

/// The files as they are, in another place.
pub(super) fn as_of_a_crash(place: &Place) -> Place {
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
        .and_then(|opening| opening.begin(identity, run, Commits::Inline, &clock()))
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
fn a_step_that_is_gone_while_tasks_wait_for_it_is_refused() {
    let mut other = identity();
    other.steps = vec!["fetch".to_owned(), "save".to_owned()];
    let message = "in the journal FILE 2 tasks wait for `parse`, which the blueprint no longer has (ids 101, 102): bring the step back under this name until they are through, or delete the journal to begin anew";
    let place = crashed();
    assert_eq!(refused(&place, &other), message);
    drop(place.open());
    assert_eq!(refused(&place, &other), message);
}

#[test]
fn a_step_that_no_task_waits_for_may_go_and_come_back() {
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
                &clock(),
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
    store.append(vec![completed(0)], None);
    drop(store);
    assert_eq!(steps(), ["fetch", "save"]);
    let store = begin(&["fetch", "parse", "save"]);
    store.append(vec![completed(0)], None);
    drop(store);
    assert_eq!(steps(), ["fetch", "parse", "save"]);
}

#[test]
fn a_new_step_is_seen_by_the_next_look_whatever_comes_between() {
    let place = crashed();
    let mut more = identity();
    more.steps.push("save".to_owned());
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&more, run, Commits::Inline, &clock())
        .unwrap();
    store.append(vec![completed(0)], None);
    let after = as_of_a_crash(&place);
    assert_eq!(Opening::new(&after.path).unwrap().identity(), Some(&more));
}

#[test]
fn a_journal_of_another_format_is_refused() {
    let place = crashed();
    drop(place.open());
    let of_format = |format| {
        place
            .shell()
            .pragma_update(None, "user_version", format)
            .unwrap();
        refused(&place, &identity())
    };
    assert_eq!(
        of_format(3),
        "the journal FILE has format 3, and this program reads format 2: run it with a later version of this library, or delete the journal to begin anew"
    );
    assert!(of_format(1).contains("run it with an earlier version"));
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
    #[cfg(target_os = "linux")]
    {
        let link = place.directory.path().join("hard.db");
        fs::hard_link(&place.path, &link).unwrap();
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

/// Does something to the files of a journal that is in use. Returns why the next commit failed.
#[cfg(target_os = "linux")]
fn broken_by(change: impl FnOnce(&Path)) -> String {
    let place = Place::new();
    let store = place.open();
    store.append(vec![completed(0)], None);
    change(&place.path);
    store.append(vec![completed(1)], None);
    let error = store.committed().unwrap_err();
    let path = error.path().display().to_string();
    error.to_string().replace(&path, "FILE")
}

#[cfg(target_os = "linux")]
#[test]
fn a_journal_that_is_moved_deleted_or_replaced_while_in_use_breaks() {
    let message = "the journal FILE was moved, deleted or replaced while it was in use: put its files back and run again; what was committed before that is kept in them";
    assert_eq!(broken_by(|path| fs::remove_file(path).unwrap()), message);
    let moved = broken_by(|path| fs::rename(path, path.with_extension("old")).unwrap());
    assert_eq!(moved, message);
    let replaced = broken_by(|path| {
        fs::copy(path, path.with_extension("new")).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    });
    assert_eq!(replaced, message);
}

#[cfg(target_os = "linux")]
#[test]
fn a_journal_that_is_cut_off_while_in_use_breaks() {
    let message = broken_by(|path| drop(fs::File::create(path).unwrap()));
    assert!(message.contains("was cut off while"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_journal_that_loses_its_write_ahead_log_while_in_use_breaks() {
    let message = broken_by(|path| fs::remove_file(files::wal(path)).unwrap());
    assert!(
        message.contains("separated from its write-ahead log"),
        "{message}"
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
fn a_write_ahead_log_without_its_journal_is_refused() {
    let message = "the journal FILE is missing or empty, but its write-ahead log FILE-wal is there: put the journal beside it, or delete the log to begin anew";
    let place = crashed();
    fs::remove_file(&place.path).unwrap();
    assert_eq!(refused(&place, &identity()), message);
    fs::write(&place.path, "").unwrap();
    assert_eq!(refused(&place, &identity()), message);
}

#[test]
fn a_journal_without_its_write_ahead_log_is_refused() {
    let message = "the journal FILE is not whole without its write-ahead log FILE-wal, which is missing or empty (moved without it, or deleted by another SQLite program): put that beside it, or delete the journal to begin anew";
    let place = crashed();
    for length in [32, 10, 0] {
        let log = fs::read(files::wal(&place.path)).unwrap();
        fs::write(files::wal(&place.path), &log[..length.min(log.len())]).unwrap();
        assert_eq!(refused(&place, &identity()), message, "{length}");
    }
    fs::remove_file(files::wal(&place.path)).unwrap();
    assert_eq!(refused(&place, &identity()), message);
}

#[test]
fn a_journal_that_another_program_has_closed_is_whole() {
    let place = crashed();
    // The last connection copies the log into the main file and deletes it.
    place.shell().execute_batch("SELECT 1 FROM log").unwrap();
    assert!(!files::wal(&place.path).exists());
    assert_eq!(place.open().ordinals(), 4);
}

#[test]
fn files_of_different_times_are_refused() {
    let old = crashed();
    let later = as_of_a_crash(&old);
    // To open it makes a checkpoint.
    let store = later.open();
    store.append(vec![completed(0)], None);
    let later = as_of_a_crash(&later);
    // An older log put back beside a newer main file, and the other way round.
    for (main, log) in [(&later, &old), (&old, &later)] {
        let mixed = Place::new();
        fs::copy(&main.path, &mixed.path).unwrap();
        fs::copy(files::wal(&log.path), files::wal(&mixed.path)).unwrap();
        let message = refused(&mixed, &identity());
        assert!(message.contains("are from different times"), "{message}");
    }
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

#[test]
fn of_two_runs_that_make_the_same_journal_the_second_is_refused() {
    for closes in [false, true] {
        let place = Place::new();
        let openings = [(); 2].map(|()| Opening::new(&place.path).unwrap());
        let begin = |opening: Opening| opening.begin(&identity(), run, Commits::Inline, &clock());
        let [first, second] = openings;
        let store = begin(first).unwrap();
        store.append(vec![completed(0)], None);
        let store = (!closes).then_some(store);
        let error = begin(second).unwrap_err();
        assert!(matches!(error.kind(), Kind::Locked), "{error}");
        drop(store);
        assert_eq!(place.open().recall(0..9).unwrap(), [completed(0)]);
    }
}

#[test]
fn a_killed_journal_that_is_opened_and_not_written_stays_as_it_was() {
    let place = crashed();
    let before = files(&place);
    drop(place.open());
    assert!(files(&place) == before, "a file was changed");
}

#[test]
fn a_journal_of_the_largest_ids_names_them() {
    let place = Place::new();
    let store = place.open();
    let ids = [u64::MAX, 1 << 63, (1 << 63) - 1];
    for (ordinal, id) in (0..).zip(ids) {
        let record = stands(ordinal, "parse", "1");
        store.append(vec![Record { id, ..record }], None);
    }
    drop(store);
    let mut other = identity();
    other.steps = vec!["fetch".to_owned()];
    let message = refused(&place, &other);
    let ids = "ids 18446744073709551615, 9223372036854775808, 9223372036854775807";
    assert!(message.contains(ids), "{message}");
}

#[test]
fn frames_of_a_killed_commit_behind_a_torn_one_are_no_damage() {
    let place = Place::new();
    let store = place.open();
    store.append(vec![stands(0, "fetch", "0")], None);
    // Killed in the middle of a commit whose pages did not fit into the cache.
    let writer = place.shell();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 5; BEGIN IMMEDIATE;")
        .unwrap();
    for seq in 2..60 {
        writer
            .execute(
                "INSERT INTO log VALUES (?1, 1, 1, 1, 1, ?2)",
                (seq, "x".repeat(3_000)),
            )
            .unwrap();
    }
    let killed = as_of_a_crash(&place);
    drop((writer, store));
    let whole = as_of_a_crash(&killed);
    assert_eq!(whole.open().recall(0..9).unwrap().len(), 1);
    drop(whole);

    // The next process: its first commit.
    let shell = killed.shell();
    shell
        .execute_batch("PRAGMA wal_autocheckpoint = 0")
        .unwrap();
    let mut summary = Summary::read(&shell).unwrap().unwrap();
    let before = fs::read(files::wal(&killed.path)).unwrap();
    summary.needs_wal = true;
    summary.write(&shell).unwrap();
    let torn = as_of_a_crash(&killed);
    drop(shell);
    let wal = files::wal(&torn.path);
    let mut bytes = fs::read(&wal).unwrap();
    let changed: Vec<_> = (0..bytes.len().min(before.len()))
        .filter(|&at| bytes[at] != before[at])
        .collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    // The sector with the frame's header is on disk, the next ones are not.
    let cut = (first / 512 + 1) * 512;
    bytes[cut..=last].copy_from_slice(&before[cut..=last]);
    fs::write(&wal, bytes).unwrap();
    assert_eq!(torn.try_open().unwrap().recall(0..9).unwrap().len(), 1);
}

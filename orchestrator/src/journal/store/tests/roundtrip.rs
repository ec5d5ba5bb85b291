use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake as Waking, Waker};

use super::*;

#[test]
fn a_new_journal_has_nothing_in_it() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(store.ordinals(), 0);
    assert_eq!(store.recall(0..u64::MAX).unwrap(), []);
    assert_eq!(store.committed().unwrap(), 0);
}

#[test]
fn the_newest_record_of_each_task_is_recalled_after_reopening() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(
        store.append(vec![stands(0, "fetch", "1"), stands(2, "fetch", "2")], None),
        2
    );
    assert_eq!(
        store.append(vec![stands(0, "parse", "\"x\""), failed(1, "no")], None),
        4
    );
    assert_eq!(store.append(vec![waits(5, 99), completed(3)], None), 6);
    assert_eq!(store.committed().unwrap(), 6);
    store.close().unwrap();

    let store = place.open();
    assert_eq!(store.ordinals(), 6);
    let all = vec![
        stands(0, "parse", "\"x\""),
        failed(1, "no"),
        stands(2, "fetch", "2"),
        completed(3),
        waits(5, 99),
    ];
    assert_eq!(store.recall(0..6).unwrap(), all);
    assert_eq!(store.recall(2..4).unwrap(), all[2..4]);
}

#[test]
fn a_run_keeps_the_name_that_its_journal_was_made_with() {
    let place = Place::new();
    let begin = |name: &str| {
        let opening = Opening::new(&place.path).unwrap();
        opening
            .begin(&identity(), || name.to_owned(), Commits::Inline, &clock())
            .unwrap()
    };
    assert_eq!(begin("first").run(), "first");
    let not_asked = || unreachable!("the journal has a run");
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&identity(), not_asked, Commits::Inline, &clock())
        .unwrap();
    assert_eq!(store.run(), "first");
    assert_eq!(status(&place.path, 0).unwrap().run, "first");
}

#[test]
fn ids_of_all_sizes_come_back() {
    let place = Place::new();
    let store = place.open();
    let record = Record {
        id: u64::MAX,
        ..completed(0)
    };
    store.append(vec![record.clone()], None);
    drop(store);
    assert_eq!(place.open().recall(0..1).unwrap(), [record]);
}

#[test]
fn a_thread_commits_all_before_the_journal_closes() {
    let place = Place::new();
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&identity(), run, Commits::OnAThread, &clock())
        .unwrap();
    for ordinal in 0..1000 {
        store.append(vec![stands(ordinal, "fetch", "1")], None);
    }
    store.close().unwrap();
    let store = place.open();
    assert_eq!(store.recall(0..1000).unwrap().len(), 1000);
}

#[test]
fn a_waker_is_woken_when_its_records_are_on_disk() {
    struct Counts(AtomicUsize);
    impl Waking for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }
    let place = Place::new();
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&identity(), run, Commits::OnAThread, &clock())
        .unwrap();
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    let position = store.append(vec![completed(0)], Some(&Waker::from(Arc::clone(&counts))));
    while counts.0.load(Ordering::Acquire) == 0 {
        std::thread::yield_now();
    }
    assert!(store.committed().unwrap() >= position);
}

#[test]
fn a_closed_journal_is_one_file() {
    let place = Place::new();
    let store = place.open();
    store.append(vec![completed(0)], None);
    store.close().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(place.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["run.db"]);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::MetadataExt as _;

    let place = Place::new();
    let _store = place.open();
    for entry in std::fs::read_dir(place.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_store_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Store>();
    shared::<Error>();
}

#[test]
fn a_commit_waits_for_the_disk() {
    let place = Place::new();
    let store = place.open();
    let Some(Hand::Inline(writer)) = &store.hand else {
        panic!("{store:?}");
    };
    let writer = writer.lock().unwrap();
    let setting = |name: &str| {
        let sql = format!("PRAGMA {name}");
        let connection = &writer.pen.connection;
        connection.query_row(&sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
    };
    assert_eq!(setting("synchronous").unwrap(), 2.into());
    assert_eq!(setting("journal_mode").unwrap(), "wal".to_owned().into());
}

#[test]
fn what_came_together_is_committed_together() {
    let place = Place::new();
    let store = Opening::new(&place.path)
        .unwrap()
        .begin(&identity(), run, Commits::OnAThread, &clock())
        .unwrap();
    let others = place.shell();
    others.execute_batch("BEGIN IMMEDIATE").unwrap();
    let positions = (0..200).map(|ordinal| store.append(vec![completed(ordinal)], None));
    let last = positions.last().unwrap();
    others.execute_batch("ROLLBACK").unwrap();
    while store.committed().unwrap() < last {
        std::thread::yield_now();
    }
    // A commit writes each page that it changes once: they are some dozen rows to a page.
    let log = std::fs::metadata(place.path.with_extension("db-wal")).unwrap();
    assert!(log.len() < 50 * 4_096, "{}", log.len());
}

#[test]
fn hashes_of_inputs_come_back_and_can_be_changed_in_any_block() {
    let place = Place::new();
    let store = place.open();
    for hash in 0..600 {
        append_inputs(&store, vec![hash]);
    }
    drop(store);
    let store = place.open();
    let hashes = Hashes {
        new: vec![600, 601],
        changed: vec![(3, 1_000), (599, 2_000)],
    };
    store.append_with(hashes, Vec::new(), None);
    drop(store);
    let store = place.open();
    assert_eq!(store.inputs(), 602);
    let mut expected: Vec<u128> = (0..602).collect();
    expected[3] = 1_000;
    expected[599] = 2_000;
    assert_eq!(store.recall_inputs(0..602).unwrap(), expected);
    assert_eq!(store.recall_inputs(249..252).unwrap(), [249, 250, 251]);
}

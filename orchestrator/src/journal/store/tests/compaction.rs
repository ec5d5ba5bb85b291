use super::*;

fn rows(store: &Place, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    store.shell().query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_long_log_is_folded_into_the_tasks() {
    let place = Place::new();
    let store = place.open_short(10);
    store.append((0..10).map(completed).collect(), None);
    assert_eq!((rows(&place, "log"), rows(&place, "task")), (10, 0));
    store.append(vec![stands(3, "parse", "3")], None);
    assert_eq!((rows(&place, "log"), rows(&place, "task")), (0, 10));
    store.close().unwrap();
    let expected = (0..10).map(|ordinal| match ordinal {
        3 => stands(3, "parse", "3"),
        _ => completed(ordinal),
    });
    let store = place.open();
    assert_eq!(store.ordinals(), 10);
    assert_eq!(store.recall(0..10).unwrap(), expected.collect::<Vec<_>>());
}

#[test]
fn a_log_is_long_only_beside_the_tasks() {
    let place = Place::new();
    let store = place.open_short(10);
    store.append((0..100).map(completed).collect(), None);
    assert_eq!(rows(&place, "task"), 100);
    store.append((0..50).map(completed).collect(), None);
    assert_eq!(rows(&place, "log"), 50);
    store.append(vec![completed(0)], None);
    assert_eq!(rows(&place, "log"), 0);
}

#[test]
fn a_task_is_recalled_as_it_was_at_opening_before_and_after_a_fold() {
    let place = Place::new();
    let store = place.open_short(3);
    store.append(vec![stands(0, "fetch", "0"), stands(2, "fetch", "2")], None);
    store.append(vec![stands(1, "fetch", "1"), stands(3, "fetch", "3")], None);
    store.append(vec![stands(2, "parse", "2")], None);
    drop(store);
    let store = place.open_short(3);
    let at_opening = store.recall(0..4).unwrap();
    assert_eq!(at_opening[2], stands(2, "parse", "2"));
    store.append((4..9).map(completed).collect(), None);
    assert_eq!(rows(&place, "log"), 0);
    assert_eq!(store.recall(0..4).unwrap(), at_opening);
}

#[test]
fn a_finished_journal_is_folded_when_it_closes_and_gives_back_the_room() {
    let place = Place::new();
    let size = || std::fs::metadata(&place.path).unwrap().len();
    let store = place.open();
    for step in ["fetch", "parse"] {
        let all = (0..5_000).map(|ordinal| stands(ordinal, step, "\"some payload\""));
        store.append(all.collect(), None);
    }
    store.append((0..5_000).map(completed).collect(), None);
    store.close().unwrap();
    let before = size();

    let store = place.open();
    store.mark(Mark::Finished, Some(7), None);
    store.close().unwrap();
    assert!(size() < before / 3, "{} of {before}", size());
    assert_eq!((rows(&place, "log"), rows(&place, "task")), (0, 5_000));
}

#[test]
fn recalls_during_folds_see_every_task() {
    let place = Place::new();
    let store = place.open();
    store.append(
        (0..1_000).map(|at| stands(at, "fetch", "1")).collect(),
        None,
    );
    drop(store);
    let store = Opening::new(&place.path)
        .unwrap()
        .tuned(Tuning {
            short: 100,
            ..Tuning::default()
        })
        .begin(&identity(), run, Commits::OnAThread, &clock())
        .unwrap();
    for round in 0..50 {
        store.append((1_000..1_020).map(|at| waits(at, round)).collect(), None);
        assert_eq!(store.recall(0..1_000).unwrap().len(), 1_000);
        assert!(store.due(i64::MIN, i64::MAX).unwrap().len() <= 20);
    }
}

use std::task::{Context, Waker};

use super::*;

/// A store whose disk is as good as full.
fn almost_full(place: &Place, commits: Commits) -> Store {
    let tuning = Tuning {
        max_pages: Some(40),
        ..Tuning::default()
    };
    let opening = Opening::new(&place.path).unwrap().tuned(tuning);
    opening.begin(&identity(), run, commits, &clock()).unwrap()
}

/// Appends tasks until the journal breaks. Returns how many were acknowledged.
fn fill(store: &Store) -> u64 {
    for ordinal in 0..10_000 {
        let position = store.append(vec![stands(ordinal, "fetch", &"x".repeat(500))], None);
        loop {
            match store.committed() {
                Ok(committed) if committed >= position => break,
                Ok(_) => std::thread::yield_now(),
                Err(_) => return ordinal,
            }
        }
    }
    panic!("the disk was not full");
}

#[test]
fn a_full_disk_breaks_the_journal_and_nothing_that_was_acknowledged_is_lost() {
    for commits in [Commits::Inline, Commits::OnAThread] {
        let place = Place::new();
        let store = almost_full(&place, commits);
        let acknowledged = fill(&store);
        assert!(acknowledged > 50);
        store.mark(Mark::Finished, Some(1), None);
        let error = store.close().unwrap_err().to_string();
        assert!(
            error.starts_with("a commit failed at the journal /"),
            "{error}"
        );
        assert!(error.contains("full"), "{error}");

        let store = place.open();
        assert_eq!(store.marks(), Marks::default());
        let ordinals = 0..acknowledged;
        let expected = ordinals.map(|ordinal| stands(ordinal, "fetch", &"x".repeat(500)));
        assert_eq!(
            store.recall(0..u64::MAX).unwrap(),
            expected.collect::<Vec<_>>()
        );
        // There is room again, and the journal can be written.
        store.append(vec![completed(0)], None);
        store.close().unwrap();
    }
}

#[test]
fn nothing_is_retried_after_a_failed_commit() {
    let place = Place::new();
    let store = almost_full(&place, Commits::Inline);
    let acknowledged = fill(&store);
    let first = store.committed().unwrap_err().to_string();
    // It would have room.
    store.append(vec![completed(0)], None);
    assert_eq!(store.committed().unwrap_err().to_string(), first);
    drop(store);
    assert_eq!(
        place.open().recall(0..1).unwrap(),
        [stands(0, "fetch", &"x".repeat(500))]
    );
    assert_eq!(place.open().ordinals(), acknowledged);
}

#[test]
fn who_waits_is_woken_when_the_journal_breaks() {
    let place = Place::new();
    let store = almost_full(&place, Commits::OnAThread);
    fill(&store);
    let waits = async {
        let mut asked = false;
        std::future::poll_fn(|context: &mut Context<'_>| {
            if std::mem::replace(&mut asked, true) {
                return std::task::Poll::Ready(());
            }
            let waker: &Waker = context.waker();
            store.append(vec![completed(0)], Some(waker));
            std::task::Poll::Pending
        })
        .await;
    };
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(waits);
    assert!(store.committed().is_err());
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let place = Place::new();
    let store = place.open();
    store.append((0..1000).map(completed).collect(), None);
    drop(store);
    let mut bytes = std::fs::read(&place.path).unwrap();
    bytes[4096 * 4..].fill(0xAA);
    std::fs::write(&place.path, bytes).unwrap();
    place.try_open().unwrap_err();
}

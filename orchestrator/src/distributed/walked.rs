//! Tasks whose process is lost at any time come to the same end, and no step that is recorded runs again.

use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::remembered::{Cancelled, Does, Op, Remembered, submission, task, walk};
use super::wire::Kind;
use super::{End, Places, Walk};

/// Does a task through processes of which each remembers only so much more; gives its end, and how many attempts
/// were made and how many were recorded.
fn walked(ops: &[Op], lives: &[usize]) -> (String, usize, usize) {
    let entries = Mutex::default();
    let walk = walk();
    for left in lives.iter().copied().chain([usize::MAX]) {
        let history = Remembered::by(&entries, left);
        let life = pin!(walk.walk(task(ops), &history));
        if let Poll::Ready(end) = life.poll(&mut Context::from_waker(Waker::noop())) {
            let end = match end.unwrap() {
                End::Completed(completed) => completed.output.to_string(),
                End::Failed(failed) => serde_json::to_string(&failed).unwrap(),
            };
            assert_eq!(walk.executing.load(Ordering::Relaxed), 0);
            let entries = entries.lock().unwrap();
            let steps = entries
                .iter()
                .filter(|(name, _)| !name.starts_with("sleep"));
            return (end, walk.blueprint.0.load(Ordering::Relaxed), steps.count());
        }
    }
    unreachable!("the last life has no end");
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Nothing),
        3 => (0..3_u64).prop_map(Op::Wait),
        3 => (0..4_u32).prop_map(Op::Flaky),
        1 => Just(Op::Fail),
        1 => Just(Op::Exit),
    ]
}

proptest! {
    #[test]
    fn a_task_comes_to_the_same_end_whenever_its_process_is_lost(
        ops in proptest::collection::vec(op(), 0..8),
        lives in proptest::collection::vec(0..4_usize, 0..8),
    ) {
        let (expected, attempts, recorded) = walked(&ops, &[]);
        prop_assert_eq!(attempts, recorded);
        let (end, more, recorded) = walked(&ops, &lives);
        prop_assert_eq!(end, expected);
        prop_assert_eq!(recorded, attempts);
        // Only what was not recorded was done again: one attempt a life, at most.
        prop_assert!(more <= attempts + lives.len(), "{} of {}", more, attempts);
    }
}

#[test]
fn a_panic_is_an_end_and_says_what_it_said() {
    let (end, ..) = walked(&[Op::Panic], &[]);
    assert!(
        end.contains(r#""kind":"panicked","message":"panicked: as it is asked to""#),
        "{end}"
    );
}

#[test]
fn a_step_that_fails_says_after_how_many_attempts() {
    let (end, ..) = walked(&[Op::Fail, Op::Flaky(3)], &[1, 1]);
    assert!(end.contains(r#""attempts":1"#), "{end}");
    let (end, attempts, _) = walked(&[Op::Flaky(3)], &[]);
    assert_eq!((end.as_str(), attempts), ("1", 5));
}

#[test]
fn no_step_begins_in_a_process_that_is_about_to_end() {
    let walk = walk();
    walk.cancelled.cancel();
    let entries = Mutex::default();
    let history = Remembered::by(&entries, usize::MAX);
    let life = pin!(walk.walk(task(&[Op::Nothing]), &history));
    assert!(
        life.poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_step_that_waits_for_its_place_is_called_away_and_begun_later() {
    let blueprint = Does(AtomicUsize::new(0));
    let walk = Walk {
        places: Places::new(&blueprint, 1),
        ..walk()
    };
    let entries = Mutex::default();
    let taken = walk.places.enter(0).await;
    let history = Remembered {
        called: true,
        ..Remembered::by(&entries, 3)
    };
    let task = || task(&[Op::Nothing]);
    let life = pin!(walk.walk(task(), &history));
    let life = life.poll(&mut Context::from_waker(Waker::noop()));
    assert!(life.is_pending());
    assert_eq!(entries.lock().unwrap().len(), 3);
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 0);

    drop(taken);
    let end = walk
        .walk(task(), &Remembered::by(&entries, usize::MAX))
        .await;
    assert!(matches!(end.unwrap(), End::Completed(end) if end.output.get() == "1"));
    assert_eq!(walk.blueprint.0.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_task_that_is_cancelled_says_how_often_its_step_was_begun_in_each_process() {
    // In its first step, in a delay, and before, at and after the second attempt at its second step.
    for (ops, after, attempts) in [
        (&[Op::Nothing][..], 0, 1),
        (&[Op::Wait(9)], 1, 0),
        (&[Op::Flaky(9)], 1, 1),
        (&[Op::Flaky(9)], 2, 2),
        (&[Op::Flaky(9)], 3, 2),
    ] {
        let entries = Mutex::default();
        for _ in 0..2 {
            let remembered = Remembered::by(&entries, usize::MAX);
            let history = Cancelled::after(after, remembered);
            let end = walk().walk(task(ops), &history).await.unwrap();
            let End::Failed(failed) = end else {
                panic!("{end:?}")
            };
            assert_eq!(failed.kind, Kind::Cancelled);
            assert_eq!(failed.attempts, attempts, "{ops:?} after {after}");
        }
    }
}

#[tokio::test]
async fn a_step_that_was_never_begun_has_no_attempts() {
    let blueprint = Does(AtomicUsize::new(0));
    let walk = Walk {
        places: Places::new(&blueprint, 1),
        ..walk()
    };
    let _taken = walk.places.enter(0).await;
    let entries = Mutex::default();
    // The second process does not make the attempt, and is told by the record of the first.
    for is_made in [true, false] {
        let remembered = Remembered {
            called: true,
            ..Remembered::by(&entries, usize::MAX)
        };
        let mut history = Cancelled::after(2, remembered);
        history.is_made = is_made;
        let end = walk.walk(task(&[]), &history).await.unwrap();
        assert!(matches!(end, End::Failed(failed) if failed.attempts == 0));
    }
}

#[tokio::test]
async fn a_step_that_may_have_begun_in_another_process_counts() {
    let entries = Mutex::default();
    let mut history = Cancelled::after(0, Remembered::by(&entries, usize::MAX));
    history.is_made = false;
    let end = walk().walk(task(&[]), &history).await.unwrap();
    assert!(matches!(end, End::Failed(failed) if failed.attempts == 1));
}

#[test]
fn a_long_message_is_shortened() {
    let (end, ..) = walked(&[Op::Rant(70_000)], &[]);
    assert!(end.contains("ä... (70000 bytes)"), "{end}");
    assert!(end.len() < 66_000, "{}", end.len());
}

#[test]
fn what_can_not_be_read_back_fails_the_step_that_gave_it() {
    let (end, attempts, _) = walked(&[Op::Nothing, Op::Lose], &[0, 1]);
    assert!(end.contains("can't be read back"), "{end}");
    assert_eq!(attempts, 2, "once more for the life that was lost");
}

#[tokio::test]
async fn an_input_that_can_not_be_read_fails_and_a_later_value_is_waited_for() {
    let entries = Mutex::default();
    let history = Remembered::by(&entries, usize::MAX);
    let end = walk().walk(submission("7"), &history).await.unwrap();
    let End::Failed(failed) = end else {
        panic!("{end:?}")
    };
    assert_eq!((failed.step.as_str(), failed.attempts), ("next", 0));
    assert!(failed.message.contains("the input is none"), "{failed:?}");

    // The input was read once, and can't be any more.
    let entries = Mutex::default();
    for (input, lives) in [(r#"[{"Flaky":9}]"#, 2), ("7", usize::MAX)] {
        let history = Remembered::by(&entries, lives);
        let walk = walk();
        let life = pin!(walk.walk(submission(input), &history));
        let life = life.poll(&mut Context::from_waker(Waker::noop()));
        assert!(life.is_pending());
    }
    assert_eq!(entries.lock().unwrap().len(), 2);
}

use super::*;

fn ordinals(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.ordinal).collect()
}

#[test]
fn delays_are_due_in_order_of_their_end() {
    let place = Place::new();
    let store = place.open();
    store.append(
        vec![waits(0, 30), waits(1, 10), waits(2, 20), waits(3, 40)],
        None,
    );
    let due = [waits(1, 10), waits(2, 20), waits(0, 30), waits(3, 40)];
    assert_eq!(store.due(0, 5_000).unwrap(), due);
    assert_eq!(store.due(i64::MIN, i64::MAX).unwrap(), due);
}

#[test]
fn a_delay_that_is_over_is_not_due() {
    let place = Place::new();
    // The first task's delay has been folded into `task` when its next record comes.
    let store = place.open_short(2);
    store.append(vec![waits(0, 10), waits(1, 10), waits(2, 10)], None);
    store.append(vec![stands(0, "parse", "1")], None);
    store.append(vec![waits(3, 10)], None);
    assert_eq!(ordinals(&store.due(0, 5_000).unwrap()), [1, 2, 3]);
    drop(store);
    assert_eq!(ordinals(&place.open().due(0, 5_000).unwrap()), [1, 2, 3]);
}

#[test]
fn of_two_delays_of_a_task_the_later_one_counts() {
    let place = Place::new();
    let store = place.open();
    store.append(vec![waits(0, 30), stands(0, "parse", "1")], None);
    store.append(vec![waits(0, 20), waits(1, 25), waits(1, 26)], None);
    assert_eq!(store.due(0, 100).unwrap(), [waits(0, 20), waits(1, 26)]);
    drop(store);
    let store = place.open();
    assert_eq!(store.due(0, 100).unwrap(), [waits(0, 20), waits(1, 26)]);
    store.append(vec![completed(1)], None);
    assert_eq!(store.due(0, 100).unwrap(), [waits(0, 20)]);
}

#[test]
fn a_slice_of_time_holds_its_beginning_and_not_its_end() {
    let place = Place::new();
    let slice = i64::try_from(SLICE.as_millis()).unwrap();
    let ends: Vec<i64> = (-2..3)
        .flat_map(|at| [at * slice - 1, at * slice, at * slice + 1])
        .collect();
    // The first ones are folded, the last one is not.
    let store = place.open_short(ends.len() as u64 - 2);
    for (ordinal, &at) in (0..).zip(&ends) {
        store.append(vec![waits(ordinal, at)], None);
    }
    for after in (-3..4).map(|at| at * slice) {
        for until in (-3..4).map(|at| at * slice) {
            let expected = (0..)
                .zip(&ends)
                .filter(|&(_, &at)| at >= after && at < until);
            assert_eq!(
                ordinals(&store.due(after, until).unwrap()),
                expected.map(|(ordinal, _)| ordinal).collect::<Vec<u64>>(),
                "from {after} to {until}"
            );
        }
    }
}

#[test]
fn only_far_delays_are_due() {
    let place = Place::new();
    let nanosecond = Duration::from_nanos(1);
    let store = place.open();
    let all = vec![
        waits_for(0, 10, FAR),
        waits_for(1, 10, FAR.saturating_sub(nanosecond)),
        waits_for(2, 10, FAR + nanosecond),
    ];
    store.append(all, None);
    let rounded = waits_for(2, 10, FAR + Duration::from_millis(1));
    assert_eq!(store.due(0, 5_000).unwrap(), [rounded]);
}

#[test]
fn a_far_delay_is_over_when_a_short_one_has_begun() {
    let place = Place::new();
    let store = place.open_short(2);
    store.append(vec![waits(0, 10), waits(1, 10), waits(2, 10)], None);
    store.append(vec![waits_for(0, 10, FAR), waits(3, 10)], None);
    store.append(vec![waits_for(3, 10, FAR)], None);
    assert_eq!(ordinals(&store.due(0, 5_000).unwrap()), [1, 2]);
    drop(store);
    assert_eq!(ordinals(&place.open().due(0, 5_000).unwrap()), [1, 2]);
}

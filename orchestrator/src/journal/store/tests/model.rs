//! Whatever is done to a journal, it is what a map of the newest records is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::far::slice;
use super::*;

#[derive(Clone, Debug)]
enum Do {
    Append(Vec<Record>),
    /// Closes and opens, with a log that is folded at this length.
    Reopen(u64),
    Recall(Range<u64>),
    Due(i64, i64),
}

/// Few ordinals, so that they meet often; some are far from each other.
fn ordinal() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..20_u64, 1 => 4_090..4_100_u64, 1 => Just(1 << 40)]
}

/// Around the ends of slices, and within the shortest full length.
fn wake_at() -> impl Strategy<Value = i64> {
    prop_oneof![0..3_i64, 4_997..5_003_i64, 8_000..9_000_i64]
}

fn stage() -> impl Strategy<Value = Stage> {
    let step = || prop_oneof![Just("fetch"), Just("parse")];
    // A third of them no longer than what is found.
    let wake = (wake_at(), 9_000..12_000_u64).prop_map(|(at, full)| Wake {
        at,
        full: Duration::from_millis(full),
        clock: 1,
        tick: at,
    });
    // Long ones are stored once as long as they do not change.
    let json = prop_oneof![
        4 => ".{0,9}".boxed(),
        2 => (0..3_u8).prop_map(|it| it.to_string().repeat(600)).boxed(),
    ];
    let kind = prop_oneof![
        Just(FailureKind::Failed),
        Just(FailureKind::TimedOut),
        Just(FailureKind::Panicked)
    ];
    prop_oneof![
        4 => (step(), 1..9_u32, json, proptest::option::of(wake)).prop_map(|(step, attempt, json, wake)| {
            Stage::Next { step: step.into(), attempt, json, wake }
        }),
        1 => ".{0,9}".prop_map(|json| Stage::Completed { json }),
        1 => (step(), any::<u32>(), kind, ".{0,9}").prop_map(|(step, attempts, kind, message)| {
            Stage::Failed { step: step.into(), attempts, kind, message }
        }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (ordinal(), any::<u64>(), stage()).prop_map(|(ordinal, id, stage)| Record {
        ordinal,
        id,
        stage,
    })
}

fn deed() -> impl Strategy<Value = Do> {
    prop_oneof![
        4 => proptest::collection::vec(record(), 1..12).prop_map(Do::Append),
        2 => prop_oneof![0..5_u64, Just(1_000)].prop_map(Do::Reopen),
        2 => (ordinal(), ordinal()).prop_map(|(from, to)| Do::Recall(from..to.saturating_add(1))),
        1 => (wake_at(), wake_at()).prop_map(|(after, until)| Do::Due(after, until)),
    ]
}

/// The slices of time that are looked at for `[after, until)`.
fn slices(after: i64, until: i64) -> Range<i64> {
    if after < until {
        slice(after)..slice(until - 1) + 1
    } else {
        0..0
    }
}

fn due(model: &BTreeMap<u64, Record>, after: i64, until: i64) -> Vec<Record> {
    let mut due: Vec<_> = model
        .values()
        .filter_map(|record| match &record.stage {
            Stage::Next {
                wake: Some(wake), ..
            } if wake.full > FAR && slices(after, until).contains(&slice(wake.at)) => {
                Some((wake.at, record.clone()))
            }
            _ => None,
        })
        .collect();
    due.sort_by_key(|(at, record)| (*at, record.ordinal));
    due.into_iter().map(|(_, record)| record).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_is_a_map_of_the_newest_records(
        deeds in proptest::collection::vec(deed(), 1..25)
    ) {
        let place = Place::new();
        let mut store = Some(place.open_short(4));
        let mut now = BTreeMap::new();
        let mut at_opening = BTreeMap::new();
        for deed in deeds {
            let open = store.as_ref().unwrap();
            match deed {
                Do::Append(records) => {
                    now.extend(records.iter().map(|record| (record.ordinal, record.clone())));
                    let position = open.append(records, None);
                    prop_assert_eq!(open.committed().unwrap(), position);
                }
                Do::Reopen(short) => {
                    store.take().unwrap().close().unwrap();
                    let open = store.insert(place.open_short(short));
                    at_opening.clone_from(&now);
                    let ordinals = now.keys().last().map_or(0, |last| last + 1);
                    prop_assert_eq!(open.ordinals(), ordinals);
                }
                Do::Recall(range) => {
                    if range.is_empty() {
                        prop_assert_eq!(open.recall(range).unwrap(), []);
                        continue;
                    }
                    // A task that this process has appended to may be returned as of now or as of opening.
                    let untouched = |record: &&Record| {
                        now.get(&record.ordinal) == at_opening.get(&record.ordinal)
                    };
                    let told = open.recall(range.clone()).unwrap();
                    let expected: Vec<&Record> =
                        at_opening.range(range).map(|(_, record)| record).collect();
                    prop_assert!(told.is_sorted_by_key(|record| record.ordinal));
                    prop_assert_eq!(
                        told.iter().filter(untouched).collect::<Vec<_>>(),
                        expected.into_iter().filter(untouched).collect::<Vec<_>>()
                    );
                }
                Do::Due(after, until) => {
                    prop_assert_eq!(open.due(after, until).unwrap(), due(&now, after, until));
                }
            }
        }
        store.take().unwrap().close().unwrap();
        let store = place.open();
        let all: Vec<_> = now.into_values().collect();
        prop_assert_eq!(store.recall(0..u64::MAX).unwrap(), all);
    }
}

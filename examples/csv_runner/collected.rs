//! Results that are put in order when all are at hand: [`Collected`].

use std::collections::HashMap;

use super::output::TaskOutput;

/// Results of a run that is small. An id of several rows stands at its first row's place.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The ordinal of each id's first row.
    first: HashMap<u64, u64>,
    kept: Vec<TaskOutput>,
}

impl Collected {
    /// Takes note of a row, whatever becomes of its result.
    pub(crate) fn see(&mut self, task_id: u64, ordinal: u64) {
        let first = self.first.entry(task_id).or_insert(ordinal);
        *first = ordinal.min(*first);
    }

    /// Keeps the result of an id's last row.
    pub(crate) fn keep(&mut self, row: TaskOutput) {
        self.kept.push(row);
    }

    /// The results in the order of the input.
    pub(crate) fn in_order(mut self) -> Vec<TaskOutput> {
        let first = &self.first;
        self.kept
            .sort_unstable_by_key(|row| first.get(&row.task_id).copied());
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::output::FinalStatus;
    use super::super::superseded::IdSorter;
    use super::*;

    fn row(task_id: u64, ordinal: u64) -> TaskOutput {
        TaskOutput {
            task_id,
            final_status: FinalStatus::Failed,
            error_info: ordinal.to_string(),
        }
    }

    /// What is written of these ids, if their rows finish in the order of `finished`.
    fn written(ids: &[u64], finished: &[u64]) -> Vec<(u64, u64)> {
        let mut sorter = IdSorter::new();
        for &id in ids {
            sorter.push(id).unwrap();
        }
        let superseded = sorter.finish().unwrap();
        let mut collected = Collected::default();
        for &ordinal in finished {
            let id = ids[usize::try_from(ordinal).unwrap()];
            collected.see(id, ordinal);
            if !superseded.contains(ordinal) {
                collected.keep(row(id, ordinal));
            }
        }
        let rows = collected.in_order().into_iter();
        rows.map(|row| (row.task_id, row.error_info.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_last_rows_result_stands_at_the_first_rows_place() {
        let expected = [(101, 2), (102, 1), (103, 3)];
        assert_eq!(written(&[101, 102, 101, 103], &[0, 1, 2, 3]), expected);
        assert_eq!(written(&[101, 102, 101, 103], &[2, 3, 0, 1]), expected);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_order_rows_finish(
            (ids, finished) in prop::collection::vec(0..10_u64, 0..40).prop_flat_map(|ids| {
                let rows: Vec<_> = (0..ids.len() as u64).collect();
                (Just(ids), Just(rows).prop_shuffle())
            })
        ) {
            let mut expected: Vec<(u64, u64)> = Vec::new();
            for (&id, ordinal) in ids.iter().zip(0..) {
                match expected.iter_mut().find(|(known, _)| *known == id) {
                    Some(row) => row.1 = ordinal,
                    None => expected.push((id, ordinal)),
                }
            }
            prop_assert_eq!(written(&ids, &finished), expected);
        }
    }
}

//! Numbers of rows that take little memory: [`Rows`].

/// Numbers of rows. Each is kept as its distance from the one before, in as many bytes as that takes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Seven bits of a distance each, the lowest first; the top bit says that more follow.
    bytes: Vec<u8>,
    last: i64,
}

const MORE: u8 = 0x80;

impl Rows {
    /// Adds a row. It takes few bytes if it comes soon after the last one.
    pub(super) fn push(&mut self, row: i64) {
        let mut distance = row.wrapping_sub(self.last).cast_unsigned();
        self.last = row;
        loop {
            let [low, ..] = distance.to_le_bytes();
            distance >>= 7;
            if distance == 0 {
                self.bytes.push(low & !MORE);
                return;
            }
            self.bytes.push(low | MORE);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        let mut bytes = self.bytes.iter();
        let mut row = 0_i64;
        std::iter::from_fn(move || {
            let mut distance = 0_u64;
            for shift in (0..u64::BITS).step_by(7) {
                let byte = bytes.next()?;
                distance |= u64::from(byte & !MORE) << shift;
                if byte & MORE == 0 {
                    break;
                }
            }
            row = row.wrapping_add_unsigned(distance);
            Some(row)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back_in_the_order_of_pushing(rows in proptest::collection::vec(0..i64::MAX, 0..100)) {
            let mut kept = Rows::default();
            for &row in &rows {
                kept.push(row);
            }
            prop_assert!(kept.iter().eq(rows));
        }
    }

    #[test]
    fn rows_that_are_close_take_a_byte_each() {
        let mut kept = Rows::default();
        for row in (1..1_000).step_by(100) {
            kept.push(row);
        }
        assert_eq!(kept.bytes.len(), 10);
    }
}

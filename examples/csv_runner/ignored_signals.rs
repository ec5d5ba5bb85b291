//! Signals that the program was started to ignore: [`IgnoredSignals`].

use std::fs;

/// The signals that are ignored, one bit each.
///
/// `nohup` has a program ignore SIGHUP, and a shell's script has its background jobs ignore SIGINT. A
/// handler would end what was meant to go on. Rust has no safe call that returns a signal's action,
/// so this is what Linux writes in `/proc`. On other systems no signal counts as ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IgnoredSignals(u64);

impl IgnoredSignals {
    /// Returns those of this process. Must be called before handlers are installed.
    pub(crate) fn of_this_process() -> Self {
        let status = fs::read_to_string("/proc/self/status");
        status.map_or_else(|_| Self::default(), |status| Self::in_status(&status))
    }

    fn in_status(status: &str) -> Self {
        let mut lines = status.lines();
        let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        Self(mask.unwrap_or_default())
    }

    /// Returns whether the signal with this number is ignored.
    pub(crate) fn contains(self, number: i32) -> bool {
        let bit = u32::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        bit.and_then(|bit| self.0.checked_shr(bit))
            .is_some_and(|mask| mask & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let ignored = IgnoredSignals::in_status("SigBlk:\t00\nSigIgn:\t0000000000001003\n");
        let numbers: Vec<_> = (-1..80)
            .filter(|&number| ignored.contains(number))
            .collect();
        assert_eq!(numbers, [1, 2, 13]);
    }

    #[test]
    fn no_signal_is_ignored_when_the_mask_is_missing() {
        for status in ["", "SigIgn:\n", "SigIgn:\tx\n"] {
            assert_eq!(IgnoredSignals::in_status(status), IgnoredSignals::default());
        }
    }
}

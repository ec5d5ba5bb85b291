//! For how long a server is out of reach: [`Reach`].

use std::time::Duration;

use tokio::time::Instant;

/// How long it is waited for as long as it was never reached: what is wrong then is the URL, mostly.
const FIRST: Duration = Duration::from_secs(5);

/// Whether a server can be reached, and for how long not.
#[derive(Debug)]
pub(super) struct Reach {
    /// How long it may be out of reach, or refuse a task.
    pub(super) patience: Duration,
    /// Whether it has answered for a task.
    pub(super) has_answered: bool,
    /// Whether it was seen, and well.
    was_well: bool,
    out_since: Option<Instant>,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(300),
            has_answered: false,
            was_well: false,
            out_since: None,
        }
    }
}

impl Reach {
    /// Whether it has answered for a task, and was not out of reach since.
    pub(super) fn is_sure(&self) -> bool {
        self.has_answered && self.out_since.is_none()
    }

    /// How long it may be out of reach, or too busy for a task.
    pub(super) fn patience(&self) -> Duration {
        if self.was_well || self.has_answered {
            self.patience
        } else {
            self.patience.min(FIRST)
        }
    }

    /// How long a task may be refused.
    pub(super) fn patience_with_refusals(&self) -> Duration {
        if self.has_answered {
            self.patience
        } else {
            self.patience.min(FIRST)
        }
    }

    /// It has answered for a task.
    pub(super) fn answered(&mut self) {
        (self.has_answered, self.out_since) = (true, None);
    }

    /// It was seen, and well.
    pub(super) fn is_well(&mut self) {
        (self.was_well, self.out_since) = (true, None);
    }

    /// It is out of reach: for longer than the patience, which is given then?
    pub(super) fn is_out_for_too_long(&mut self) -> Option<Duration> {
        let patience = self.patience();
        let since = *self.out_since.get_or_insert_with(Instant::now);
        (since.elapsed() > patience).then_some(patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_was_never_reached_is_waited_for_shortly() {
        let mut reach = Reach::default();
        assert_eq!(reach.is_out_for_too_long(), None);
        tokio::time::advance(FIRST + LITTLE).await;
        assert_eq!(reach.is_out_for_too_long(), Some(FIRST));
    }

    #[test]
    fn who_has_not_answered_yet_may_be_busy_for_longer_than_refuse() {
        let mut reach = Reach::default();
        assert_eq!(
            (reach.patience(), reach.patience_with_refusals()),
            (FIRST, FIRST)
        );
        reach.is_well();
        assert_eq!(
            (reach.patience(), reach.patience_with_refusals()),
            (reach.patience, FIRST)
        );
        reach.answered();
        assert_eq!(reach.patience_with_refusals(), reach.patience);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_reached_is_waited_for_patiently() {
        for reached in [Reach::is_well, Reach::answered] {
            let mut reach = Reach::default();
            reached(&mut reach);
            assert_eq!(reach.is_out_for_too_long(), None);
            tokio::time::advance(reach.patience).await;
            assert_eq!(reach.is_out_for_too_long(), None);
            tokio::time::advance(LITTLE).await;
            assert_eq!(reach.is_out_for_too_long(), Some(reach.patience));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_outage_is_not_counted_to_the_next() {
        for reached in [Reach::is_well, Reach::answered] {
            let mut reach = Reach::default();
            reach.answered();
            assert!(reach.is_sure());
            assert_eq!(reach.is_out_for_too_long(), None);
            assert!(!reach.is_sure());
            tokio::time::advance(reach.patience).await;
            reached(&mut reach);
            assert!(reach.is_sure());
            tokio::time::advance(reach.patience).await;
            assert_eq!(reach.is_out_for_too_long(), None);
        }
    }
}

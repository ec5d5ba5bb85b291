//! A worker's one timer: [`Timer`].

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A worker's one timer: no task has one of its own. It is made when it is first needed, so that a
/// run in which nothing waits needs no runtime with a timer.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Setting>);

#[derive(Debug)]
struct Setting {
    until: Instant,
    sleep: Pin<Box<Sleep>>,
}

/// The longest that the timer is set for. Later wake-ups take more than one setting.
pub(super) const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

impl Timer {
    /// Waits until then, at most [`HORIZON`] at a time.
    pub(super) fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = until.min(Instant::now() + HORIZON);
        let setting = self.0.get_or_insert_with(|| Setting {
            until,
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
        });
        if setting.until != until || setting.sleep.is_elapsed() {
            setting.until = until;
            setting.sleep.as_mut().reset(deadline);
        }
        setting.sleep.as_mut().poll(cx)
    }
}

//! The progress bar: [`Bar`].

use std::io;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use terminal_size::terminal_size_of;

use super::speed::Speed;
use super::summary::grouped;

/// Progress is shown no more often than this.
const EVERY: Duration = Duration::from_millis(50);
/// How many columns a terminal is taken to have that does not tell.
const COLUMNS: usize = 80;
/// The shortest bar that is of use.
const SHORTEST_BAR: usize = 10;

/// How far the program has come.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    pub(crate) done: u64,
    /// How many of these had been done by an earlier run. They make no speed.
    pub(crate) replayed: u64,
    pub(crate) total: Option<u64>,
    pub(crate) note: String,
}

/// The stage that the program is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Copies what can be read only once; counted in bytes.
    Copying,
    /// Checks the input; counted in bytes.
    Checking,
    /// Runs the tasks; counted in rows.
    Running,
}

/// A progress bar on standard error, or none.
pub(crate) struct Bar {
    indicator: ProgressBar,
    look: Option<(Stage, &'static str)>,
    shown: Instant,
    speed: Speed,
}

impl Bar {
    /// Returns a bar that is shown as soon as there is progress.
    pub(crate) fn on_standard_error() -> Self {
        Self::new(ProgressBar::with_draw_target(
            None,
            ProgressDrawTarget::stderr(),
        ))
    }

    /// Returns a bar that is never shown.
    pub(crate) fn hidden() -> Self {
        Self::new(ProgressBar::hidden())
    }

    fn new(indicator: ProgressBar) -> Self {
        Self {
            indicator,
            look: None,
            shown: Instant::now(),
            speed: Speed::default(),
        }
    }

    /// Shows progress, but not too often.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.indicator.is_hidden() {
            return;
        }
        let now = Instant::now();
        let changed = self.look.is_none_or(|(stage, _)| stage != progress.stage);
        if !changed && now.duration_since(self.shown) < EVERY {
            return;
        }
        self.shown = now;
        let columns = columns();
        let mut text = String::new();
        if progress.stage == Stage::Running {
            let ended = progress.done.saturating_sub(progress.replayed);
            self.speed.note(now, ended);
            text = line(progress, &self.speed, columns);
        }
        let look = (
            progress.stage,
            template(progress.stage, text.len() + 1 + SHORTEST_BAR <= columns),
        );
        if self.look != Some(look) {
            // A template that does not parse costs the look, and nothing else.
            let style = ProgressStyle::with_template(look.1);
            self.indicator
                .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.look = Some(look);
        }
        if changed {
            match progress.total {
                Some(total) => self.indicator.set_length(total),
                None => self.indicator.unset_length(),
            }
            self.indicator.reset();
        }
        self.indicator.set_message(text);
        self.indicator.set_position(progress.done);
    }

    /// Removes the bar for good.
    pub(crate) fn remove(&mut self) {
        self.indicator.finish_and_clear();
        self.indicator.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Calls `write` while the bar is out of the way.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.look {
            Some(_) => self.indicator.suspend(write),
            None => write(),
        }
    }
}

fn columns() -> usize {
    terminal_size_of(io::stderr()).map_or(COLUMNS, |(width, _)| width.0.into())
}

/// Returns how the bar looks, in the words of `indicatif`.
fn template(stage: Stage, has_bar: bool) -> &'static str {
    match stage {
        Stage::Copying => "copying the input: {bytes}",
        Stage::Checking => "checking {wide_bar} {bytes}/{total_bytes}",
        Stage::Running if has_bar => "{wide_bar} {msg}",
        Stage::Running => "{msg}",
    }
}

/// Returns the progress of a run in words: as many of them as there are columns for.
fn line(progress: &Progress, speed: &Speed, columns: usize) -> String {
    let total = progress.total.unwrap_or(progress.done);
    let mut line = format!("{}/{} rows", grouped(progress.done), grouped(total));
    // The most useful ones first.
    let mut more = Vec::with_capacity(3);
    if let Some(per_second) = speed.per_second() {
        if let Some(left) = speed.time_for(total.saturating_sub(progress.done)) {
            more.push(format!(", {} left", rounded(left)));
        }
        let digits = usize::from(per_second < 10.0);
        more.push(format!(", {per_second:.digits$}/s"));
    }
    more.push(progress.note.clone());
    for words in more {
        // The last column stays free: a cursor behind it may be on the next line.
        if line.len() + words.len() >= columns {
            break;
        }
        line.push_str(&words);
    }
    line
}

/// Returns a time with no more units than are of use.
fn rounded(time: Duration) -> humantime::FormattedDuration {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    let seconds = time.as_secs();
    let unit = match seconds {
        0..HOUR => 1,
        HOUR.. => MINUTE,
    };
    humantime::format_duration(Duration::from_secs(seconds / unit * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, replayed: u64) -> Progress {
        Progress {
            stage: Stage::Running,
            done,
            replayed,
            total: Some(10_000),
            note: "; 100 executing, 2,000 waiting".into(),
        }
    }

    /// The speed of this many rows in ten seconds.
    fn speed(rows: u64) -> Speed {
        let begin = Instant::now();
        let mut speed = Speed::default();
        speed.note(begin, 0);
        speed.note(begin + Duration::from_secs(10), rows);
        speed
    }

    #[test]
    fn no_time_is_left_before_anything_has_ended() {
        assert_eq!(
            line(&progress(0, 0), &Speed::default(), 80),
            "0/10,000 rows; 100 executing, 2,000 waiting"
        );
        // Neither when all that has ended was replayed.
        assert_eq!(
            line(&progress(5_000, 5_000), &speed(0), 80),
            "5,000/10,000 rows; 100 executing, 2,000 waiting"
        );
    }

    #[test]
    fn the_time_left_follows_the_speed() {
        assert_eq!(
            line(&progress(5_020, 5_000), &speed(20), 80),
            "5,020/10,000 rows, 41m 30s left, 2.0/s; 100 executing, 2,000 waiting"
        );
        assert_eq!(
            line(&progress(1_000, 0), &speed(2), 80),
            "1,000/10,000 rows, 12h 30m left, 0.2/s; 100 executing, 2,000 waiting"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_most_useful_words() {
        for (columns, expected) in [
            (40, "5,020/10,000 rows, 41m 30s left, 2.0/s"),
            (36, "5,020/10,000 rows, 41m 30s left"),
            (20, "5,020/10,000 rows"),
            (1, "5,020/10,000 rows"),
        ] {
            assert_eq!(line(&progress(5_020, 5_000), &speed(20), columns), expected);
        }
    }

    #[test]
    fn every_stage_has_a_look() {
        for stage in [Stage::Copying, Stage::Checking, Stage::Running] {
            for has_bar in [true, false] {
                ProgressStyle::with_template(template(stage, has_bar)).unwrap();
            }
        }
    }
}

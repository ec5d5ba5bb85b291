//! When the next request may be sent, as plain data: [`State`].

use std::time::{Duration, Instant};

/// When the next request may be sent.
///
/// A pause that the server asks for holds back all requests. After it they resume as TCP does after a loss:
/// one at a time, one more for each good answer up to half of what was too much, and then a fiftieth of the
/// most for each round of good answers. A server that allows a certain rate thus refuses few requests.
///
/// The state reads no clock: the caller passes the time in.
#[derive(Debug)]
pub(super) struct State {
    /// The most requests under way that the caller ever has. At that number the state stops counting.
    most: usize,
    /// The least time between two requests.
    interval: Duration,
    /// Whether requests are counted. They are between the first pause and full recovery.
    is_on: bool,
    /// How often the number of requests was cut down.
    epoch: u64,
    held_until: Option<Instant>,
    /// The time from which the interval allows a request.
    next: Option<Instant>,
    /// How many requests may be under way.
    allowed: usize,
    /// From here on `allowed` grows in each round of answers, and not with each answer.
    threshold: usize,
    /// The good answers in this round.
    in_round: usize,
    under_way: usize,
}

/// Why a request may not be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until this time.
    Until(Instant),
    /// Until a request that is under way has ended.
    ForAnswer,
}

impl State {
    pub(super) fn new(most: usize, interval: Duration) -> Self {
        Self {
            most,
            interval,
            is_on: false,
            epoch: 0,
            held_until: None,
            next: None,
            allowed: most,
            threshold: most,
            in_round: 0,
            under_way: 0,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Counts a request as under way.
    ///
    /// # Errors
    ///
    /// If it may not be sent now.
    pub(super) fn begin(&mut self, now: Instant) -> Result<(), Wait> {
        let from = self.held_until.max(self.next);
        if let Some(from) = from
            && from > now
        {
            return Err(Wait::Until(from));
        }
        if self.under_way >= self.allowed {
            return Err(Wait::ForAnswer);
        }
        self.under_way += 1;
        self.next = now.checked_add(self.interval);
        Ok(())
    }

    /// A request that was counted has ended.
    pub(super) fn end(&mut self) {
        self.under_way -= 1;
    }

    /// A good answer to a request that was sent in `epoch`. One from before the last pause says nothing of what the server
    /// allows now.
    pub(super) fn succeeded(&mut self, epoch: u64) {
        if !self.is_on || epoch != self.epoch {
            return;
        }
        self.in_round += 1;
        if self.allowed < self.threshold {
            self.allowed += 1;
            self.in_round = 0;
        } else if self.in_round >= self.allowed {
            self.allowed += (self.most / 50).max(1);
            self.in_round = 0;
        }
        if self.allowed > self.most {
            self.is_on = false;
        }
    }

    /// The server asks for a pause, in its answer to a request that was sent in `epoch`.
    ///
    /// The number of requests is cut down once for all that were sent in the same epoch.
    pub(super) fn throttled(&mut self, now: Instant, pause: Duration, epoch: u64) {
        let until = now.checked_add(pause);
        self.held_until = self.held_until.max(until);
        if epoch != self.epoch {
            return;
        }
        self.threshold = (self.allowed.min(self.most) / 2).max(1);
        self.allowed = 1;
        self.in_round = 0;
        self.epoch += 1;
        if !self.is_on {
            self.is_on = true;
            // Requests were not counted, and one may have been sent just now.
            self.next = now.checked_add(self.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A server that allows a number of requests a second, with a token bucket as large, and the requests
    /// that are sent to it as fast as a state allows.
    struct Simulation {
        state: State,
        latency: Duration,
        per_second: u32,
        tokens: f64,
        now: Instant,
        /// Answers by the time at which they arrive: whether they are good, and the epoch of the request.
        answers: BTreeMap<(Instant, u64), (bool, u64, bool)>,
        sent: u64,
        refused: u64,
    }

    impl Simulation {
        fn new(per_second: u32, most: usize, latency: Duration) -> Self {
            Self {
                state: State::new(most, Duration::ZERO),
                latency,
                per_second,
                tokens: f64::from(per_second),
                now: Instant::now(),
                answers: BTreeMap::new(),
                sent: 0,
                refused: 0,
            }
        }

        /// Sends requests until this many have had a good answer, and returns how long that took.
        fn run(&mut self, rows: u64) -> Duration {
            let begun = self.now;
            let mut good = 0;
            let most = self.state.most;
            while good < rows {
                let mut wait = None;
                while self.answers.len() < most && good + (self.answers.len() as u64) < rows {
                    let counted = self.state.is_on();
                    if counted && let Err(why) = self.state.begin(self.now) {
                        wait = Some(why);
                        break;
                    }
                    let is_good = self.tokens >= 1.0;
                    self.tokens -= if is_good { 1.0 } else { 0.0 };
                    self.refused += u64::from(!is_good);
                    self.sent += 1;
                    let answer = (is_good, self.state.epoch(), counted);
                    self.answers
                        .insert((self.now + self.latency, self.sent), answer);
                }
                let next = self.answers.keys().next().map(|(at, _)| *at);
                let next = match (next, wait) {
                    (Some(next), Some(Wait::Until(until))) => next.min(until),
                    (Some(next), _) | (None, Some(Wait::Until(next))) => next,
                    (None, other) => panic!("nothing is under way, and yet {other:?}"),
                };
                let passed = next - self.now;
                self.now = next;
                let limit = f64::from(self.per_second);
                self.tokens = (self.tokens + passed.as_secs_f64() * limit).min(limit);
                while let Some(answer) = self.answers.first_entry()
                    && answer.key().0 <= self.now
                {
                    let (is_good, epoch, counted) = answer.remove();
                    if is_good {
                        good += 1;
                        self.state.succeeded(epoch);
                    } else {
                        self.state.throttled(self.now, 1000 * MS, epoch);
                    }
                    if counted {
                        self.state.end();
                    }
                }
            }
            self.now - begun
        }
    }

    #[test]
    fn most_requests_are_good_when_the_server_allows_fifty_a_second() {
        let mut simulation = Simulation::new(50, 100, MS);
        let took = simulation.run(3_000);
        // The first hundred are sent at once. Then each pause has some refused requests.
        assert!(simulation.refused < 1_000, "{} refused", simulation.refused);
        assert!(took < Duration::from_secs(75), "{took:?}");
    }

    #[test]
    fn no_request_is_counted_before_the_first_pause_and_after_recovery() {
        let now = Instant::now();
        let mut state = State::new(4, Duration::ZERO);
        assert!(!state.is_on());
        state.throttled(now, MS, 0);
        assert!(state.is_on());
        for _ in 0..20 {
            state.succeeded(state.epoch());
        }
        assert!(!state.is_on());
    }

    #[test]
    fn a_large_number_of_requests_recovers_in_fifty_rounds() {
        let now = Instant::now();
        let mut state = State::new(10_000, Duration::ZERO);
        state.throttled(now, MS, 0);
        // 13 rounds up to half, and 25 to the whole.
        for _ in 0..50 {
            for _ in 0..state.allowed {
                state.succeeded(state.epoch());
            }
        }
        assert!(!state.is_on());
    }

    #[test]
    fn requests_resume_in_growing_numbers() {
        let now = Instant::now();
        let mut state = State::new(8, Duration::ZERO);
        state.throttled(now, MS, 0);
        assert_eq!(state.begin(now), Err(Wait::Until(now + MS)));
        let now = now + MS;
        let mut rounds = Vec::new();
        for _ in 0..4 {
            let mut begun = 0;
            while state.begin(now).is_ok() {
                begun += 1;
            }
            assert_eq!(state.begin(now), Err(Wait::ForAnswer));
            rounds.push(begun);
            for _ in 0..begun {
                state.end();
                state.succeeded(state.epoch());
            }
        }
        assert_eq!(rounds, [1, 2, 4, 5]);
    }

    #[test]
    fn answers_to_requests_from_before_a_pause_let_no_more_resume() {
        let now = Instant::now();
        let mut state = State::new(100, Duration::ZERO);
        state.throttled(now, MS, 0);
        for _ in 0..99 {
            state.succeeded(0);
        }
        assert_eq!(state.allowed, 1);
    }

    #[test]
    fn requests_of_one_epoch_cut_the_number_down_once() {
        let now = Instant::now();
        let mut state = State::new(16, Duration::ZERO);
        for _ in 0..16 {
            state.throttled(now, MS, 0);
        }
        assert_eq!((state.epoch(), state.threshold), (1, 8));
        state.throttled(now, 5 * MS, 0);
        assert_eq!(state.begin(now), Err(Wait::Until(now + 5 * MS)));
    }

    #[test]
    fn a_rate_holds_for_requests_that_are_repeated() {
        let now = Instant::now();
        let mut state = State::new(100, 20 * MS);
        state.throttled(now, MS, 0);
        assert_eq!(state.begin(now + MS), Err(Wait::Until(now + 20 * MS)));
        assert_eq!(state.begin(now + 20 * MS), Ok(()));
        state.end();
        assert_eq!(state.begin(now + 21 * MS), Err(Wait::Until(now + 40 * MS)));
    }

    proptest! {
        #[test]
        fn every_row_ends_whatever_the_server_allows(
            per_second in 1_u32..200,
            most in 1_usize..200,
            latency in 0_u32..300,
            rows in 1_u64..500,
        ) {
            let mut simulation = Simulation::new(per_second, most, latency * MS);
            simulation.run(rows);
            prop_assert_eq!(simulation.state.under_way, 0);
            prop_assert_eq!(simulation.sent, rows + simulation.refused);
        }

        #[test]
        fn no_request_begins_in_a_pause_or_above_what_is_allowed(
            steps in prop::collection::vec((0_u8..4, 0_u32..50), 1..200),
        ) {
            let mut now = Instant::now();
            let mut state = State::new(10, Duration::ZERO);
            state.throttled(now, MS, 0);
            let (mut held_until, mut under_way) = (now + MS, 0_usize);
            for (what, ms) in steps {
                match what {
                    0 => now += ms * MS,
                    1 => {
                        let epoch = state.epoch();
                        state.throttled(now, ms * MS, epoch);
                        held_until = held_until.max(now + ms * MS);
                    }
                    2 if under_way > 0 => {
                        state.end();
                        state.succeeded(state.epoch());
                        under_way -= 1;
                    }
                    _ => if state.begin(now).is_ok() {
                        under_way += 1;
                        prop_assert!(now >= held_until);
                        prop_assert!(under_way <= state.allowed);
                    },
                }
            }
        }
    }
}

//! The header `Retry-After`: [`pause_asked_for`].

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest pause that a server is granted.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Returns the pause that `Retry-After` asks for, in seconds or as a date, and at most 5 minutes. `None` if
/// there is no such header, or its time has passed.
pub(super) fn pause_asked_for(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(now)
            .ok()?,
    };
    (!pause.is_zero()).then_some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn pause(value: &'static str) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        pause_asked_for(&headers, now)
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_as_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(pause(date), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_pause_is_bounded() {
        assert_eq!(pause("86400"), Some(LONGEST_PAUSE));
        assert_eq!(pause("18446744073709551615"), Some(LONGEST_PAUSE));
        assert_eq!(pause("Sat, 06 Nov 2094 08:50:07 GMT"), Some(LONGEST_PAUSE));
    }

    #[test]
    fn what_asks_for_no_pause_gets_the_usual_one() {
        for value in ["0", "", "soon", "-3", "Sun, 06 Nov 1994 08:00:00 GMT"] {
            assert_eq!(pause(value), None, "{value}");
        }
    }
}

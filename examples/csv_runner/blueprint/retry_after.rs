//! The header `Retry-After`: [`pause_asked_for`].

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest pause that a server is granted.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Returns the pause that `Retry-After` asks for, in seconds or as a date, and at most 5 minutes.
///
/// Returns `None` if there is no such header, it cannot be read, or its time has passed.
pub(super) fn pause_asked_for(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = seconds(value).or_else(|| until(value, now))?;
    (!pause.is_zero()).then_some(pause.min(LONGEST_PAUSE))
}

/// Parses a number of seconds of any size. Some servers send fractions, which RFC 9110 does not allow.
fn seconds(value: &str) -> Option<Duration> {
    if !value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let seconds: f64 = value.parse().ok()?;
    Duration::try_from_secs_f64(seconds.min(LONGEST_PAUSE.as_secs_f64())).ok()
}

/// Parses a date in one of the three formats of RFC 9110, section 5.6.7.
fn until(value: &str, now: SystemTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(value).ok()?;
    date.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn pause(value: &str) -> Option<Duration> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        pause_asked_for(&headers, now)
    }

    #[test]
    fn a_pause_is_a_number_of_seconds() {
        assert_eq!(pause(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(pause("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(pause("0.25"), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_pause_ends_at_a_date_in_any_of_three_formats() {
        for date in [
            "Sun, 06 Nov 1994 08:50:07 GMT",
            "Sunday, 06-Nov-94 08:50:07 GMT",
            "Sun Nov  6 08:50:07 1994",
        ] {
            assert_eq!(pause(date), Some(Duration::from_secs(30)), "{date}");
        }
    }

    #[test]
    fn a_pause_is_bounded() {
        for long in [
            "86400",
            "18446744073709551615",
            "18446744073709551616",
            &"9".repeat(1_000),
            "Sat, 06 Nov 2094 08:50:07 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(pause(long), Some(LONGEST_PAUSE), "{long}");
        }
    }

    #[test]
    fn a_value_that_asks_for_no_pause_is_ignored() {
        for value in [
            "0",
            "0.0",
            "",
            ".",
            "1.2.3",
            "soon",
            "-3",
            "1e3",
            "inf",
            "NaN",
            "Sun, 06 Nov 1994 08:00:00 GMT",
        ] {
            assert_eq!(pause(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_number_of_seconds_is_granted_up_to_the_bound(seconds in 1_u64..) {
            let granted = Duration::from_secs(seconds).min(LONGEST_PAUSE);
            prop_assert_eq!(pause(&seconds.to_string()), Some(granted));
        }

        #[test]
        fn any_value_is_granted_no_more_than_the_bound(value in "[ -~]{0,40}") {
            prop_assert!(pause(&value).is_none_or(|pause| pause <= LONGEST_PAUSE));
        }
    }
}

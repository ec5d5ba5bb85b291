//! Rates on the command line: [`parse_rate`].

use std::time::Duration;

use anyhow::{Context as _, bail};
use humantime::parse_duration;
use orchestrator::Rate;

/// Parses a number and a time, such as `20/s`, `100/m` or `3/10s`.
pub(crate) fn parse_rate(text: &str) -> anyhow::Result<Rate> {
    let Some((count, per)) = text.split_once('/') else {
        bail!("not a number and a time, such as 20/s or 100/m");
    };
    let count: u32 = count
        .trim()
        .parse()
        .with_context(|| format!("`{}` is not a number of requests", count.trim()))?;
    if count == 0 {
        bail!("at a rate of 0 no request would ever be sent");
    }
    let per = per.trim();
    // A unit alone is one of it.
    let one = if per.starts_with(|c: char| c.is_ascii_digit()) {
        ""
    } else {
        "1"
    };
    let per: Duration =
        parse_duration(&format!("{one}{per}")).with_context(|| format!("`{per}` is not a time"))?;
    if per.is_zero() {
        bail!("a rate is a number of requests in some time, not in none");
    }
    Ok(Rate::new(count, per))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        for (text, count, seconds) in [
            ("20/s", 20, 1),
            ("100/m", 100, 60),
            ("3/10s", 3, 10),
            (" 7 / 1h 30m ", 7, 5_400),
        ] {
            let rate = Rate::new(count, Duration::from_secs(seconds));
            assert_eq!(parse_rate(text).unwrap(), rate, "{text}");
        }
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_refused_in_words() {
        for (text, words) in [
            ("", "not a number and a time"),
            ("20", "such as 20/s"),
            ("-1/s", "`-1` is not a number of requests"),
            ("1.5/s", "`1.5` is not a number"),
            ("0/s", "at a rate of 0"),
            ("1/", "`` is not a time"),
            ("1/0s", "not in none"),
            ("1/soon", "`soon` is not a time"),
            ("99999999999/s", "not a number of requests"),
        ] {
            let error = format!("{:#}", parse_rate(text).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

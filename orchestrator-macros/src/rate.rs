//! Rates in string literals: `"100/s"`, `"3/10s"`, `"1000/1h"`.

use std::fmt::Display;
use std::time::Duration;

use crate::duration;

/// How often in what time, or a sentence that says what is wrong with `text`.
pub(crate) fn parse(text: &str) -> Result<(u32, Duration), String> {
    let Some((count, per)) = text.split_once('/') else {
        let count = text.trim();
        return Err(if is_number(count) {
            in_what_time(count)
        } else {
            no_rate(text)
        });
    };
    let (count, per) = (count.trim(), per.trim());
    if !is_number(count) {
        return Err(no_rate(text));
    }
    if per.is_empty() {
        return Err(in_what_time(count));
    }
    let Ok(number) = count.replace('_', "").parse::<u32>() else {
        return Err(format!("`{count}` is more than a rate can hold"));
    };
    // A unit alone is one of it.
    let per = if per.starts_with(|c: char| c.is_ascii_digit()) {
        duration::parse(per)?
    } else {
        duration::parse(&format!("1{per}"))?
    };
    if number == 0 {
        return Err("at a rate of 0 no task would ever begin".to_owned());
    }
    if per.is_zero() {
        return Err(format!("`{text}`: a rate is so many times in some time"));
    }
    Ok((number, per))
}

/// The answer to a number alone.
pub(crate) fn in_what_time(count: impl Display) -> String {
    format!("{count} in what time? Write \"{count}/s\" or \"{count}/m\"")
}

fn no_rate(text: &str) -> String {
    format!("`{text}` is no rate: write a number and a time, such as \"100/s\"")
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, count, millis) in [
            ("100/s", 100, 1_000),
            ("1_000 / m", 1_000, 60_000),
            ("3/10s", 3, 10_000),
            ("1/1h30m", 1, 5_400_000),
            ("5/250ms", 5, 250),
            (" 7/d ", 7, 86_400_000),
        ] {
            let expected = (count, Duration::from_millis(millis));
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("", "is no rate"),
            ("fast", "is no rate"),
            ("/s", "is no rate"),
            ("-1/s", "is no rate"),
            ("1.5/s", "is no rate"),
            ("100", "in what time? Write \"100/s\""),
            ("100/", "in what time"),
            ("100/sec", "did you mean `s`"),
            ("100/10", "which unit"),
            ("0/s", "at a rate of 0"),
            ("1/0s", "in some time"),
            ("1/s/s", "unknown unit `s/s`"),
            ("99999999999/s", "more than a rate can hold"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

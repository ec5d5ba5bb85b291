//! Durations in string literals: `"250ms"`, `"1.5s"`, `"1h30m"`.

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// The duration that `text` stands for, or a sentence that says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("an empty duration: write a number and a unit, such as \"10s\"".to_owned());
    }
    let mut nanos: u128 = 0;
    let mut last_unit = u128::MAX;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.' || c == '_');
        let (unit, after) = split(after.trim_start(), |c| {
            !c.is_ascii_digit() && c != '.' && !c.is_whitespace()
        });
        if number.is_empty() {
            return Err(format!(
                "`{text}` is no duration: write a number and a unit, such as \"10s\""
            ));
        }
        if unit.is_empty() {
            return Err(format!(
                "`{text}`: which unit? Write \"{number}s\" or \"{number}ms\""
            ));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(unit));
        };
        if *size >= last_unit {
            return Err(format!(
                "`{text}`: write each unit once, the largest first, such as \"1h30m\""
            ));
        }
        last_unit = *size;
        let part = scale(number, *size).ok_or_else(|| format!("`{number}` is no number"))?;
        nanos = nanos
            .checked_add(part?)
            .ok_or_else(|| format!("`{text}` is longer than a `Duration` can hold"))?;
        rest = after.trim_start();
    }
    let seconds = u64::try_from(nanos / 1_000_000_000)
        .map_err(|_| format!("`{text}` is longer than a `Duration` can hold"))?;
    // The remainder of a division by 10^9 fits.
    let subsecond = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
    Ok(Duration::new(seconds, subsecond))
}

fn unknown_unit(unit: &str) -> String {
    const LIST: &str = "units are `ns`, `us`, `ms`, `s`, `m`, `h` and `d`";
    let lower = unit.to_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    let meant = match singular {
        _ if UNITS.iter().any(|(name, _)| *name == lower) => &lower,
        "nano" | "nanosec" | "nanosecond" | "nsec" => "ns",
        "micro" | "microsec" | "microsecond" | "usec" => "us",
        "milli" | "millisec" | "millisecond" | "msec" => "ms",
        "sec" | "second" => "s",
        "min" | "minute" => "m",
        "hr" | "hour" => "h",
        "day" => "d",
        _ => return format!("unknown unit `{unit}`: the {LIST}"),
    };
    format!("unknown unit `{unit}`: did you mean `{meant}`? The {LIST}")
}

/// The longest prefix of which every char is so, and the rest.
fn split(text: &str, is_so: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_so(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// `number` units of `size` nanoseconds each. `None` if it is no number, an error if the result is
/// too large or would not be a whole number of nanoseconds.
fn scale(number: &str, size: u128) -> Option<Result<u128, String>> {
    let number = number.replace('_', "");
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number.as_str(), ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return None;
    }
    let too_fine = || format!("`{number}` is finer than a nanosecond");
    let too_large = || format!("`{number}` is more than a `Duration` can hold");
    let Ok(whole) = whole.parse::<u64>() else {
        return Some(Err(too_large()));
    };
    let mut nanos = u128::from(whole) * size;
    let mut digit_size = size;
    for digit in fraction.bytes() {
        let digit = u128::from(digit - b'0');
        if digit != 0 && (digit_size == 0 || !digit_size.is_multiple_of(10)) {
            return Some(Err(too_fine()));
        }
        digit_size /= 10;
        nanos += digit * digit_size;
    }
    Some(Ok(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, nanos) in [
            ("0s", 0),
            ("5ns", 5),
            ("7us", 7_000),
            ("7µs", 7_000),
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25h", 900_000_000_000),
            ("2m", 120_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1h 30m 5s", 5_405_000_000_000),
            ("1 s", 1_000_000_000),
            (" 10s ", 10_000_000_000),
            ("1_000ms", 1_000_000_000),
            ("2d", 172_800_000_000_000),
        ] {
            let expected = Duration::from_nanos(nanos);
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("", "an empty duration"),
            ("10", "which unit"),
            ("1h30", "which unit"),
            ("fast", "no duration"),
            ("s", "no duration"),
            ("10 seconds", "unknown unit `seconds`: did you mean `s`?"),
            ("10S", "unknown unit `S`: did you mean `s`?"),
            ("10MIN", "did you mean `m`?"),
            ("10MS", "did you mean `ms`?"),
            ("10millis", "did you mean `ms`?"),
            ("10w", "unknown unit `w`: the units are"),
            ("-1s", "no duration"),
            ("1.2.3s", "no number"),
            (".5s", "no number"),
            ("1.s", "no number"),
            ("30m1h", "largest first"),
            ("1s1s", "largest first"),
            ("1.01ns", "finer than a nanosecond"),
            ("0.00000000001m", "finer than a nanosecond"),
            ("0.5ns", "finer than a nanosecond"),
            ("99999999999999999999s", "more than a `Duration` can hold"),
            ("18446744073709551615h", "longer than a `Duration` can hold"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn any_string_is_answered() {
        for text in [
            "_",
            ".",
            "_s",
            "é",
            "1é",
            "\u{0}",
            "1\u{a0}s",
            "１s",
            "1.0000000000000000000000000000001d",
        ] {
            let _ = parse(text);
        }
        assert_eq!(
            parse("18446744073709551615s"),
            Ok(Duration::from_secs(u64::MAX))
        );
    }
}

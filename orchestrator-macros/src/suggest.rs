//! "Unknown option" errors that name the nearest valid one.

use crate::options::{DELAY, RETRY, STEP};

/// The sentence for a name that is none of `valid`; `of` says whose options these are.
pub(crate) fn unknown(name: &str, valid: &[&str], of: &str) -> String {
    let options = options(valid, of);
    if valid == STEP && RETRY.contains(&name) {
        return format!("`{name}` goes into `retry(…)`: {options}");
    }
    if valid == DELAY && STEP.contains(&name) {
        return format!(
            "a delay has no `{name}`, since nothing runs in it: how long to wait is what it returns"
        );
    }
    match nearest(name, valid) {
        Some(near) => {
            let options = options.replacen("the", "The", 1);
            format!("unknown option `{name}`: did you mean `{near}`? {options}")
        }
        None => format!("unknown option `{name}`: {options}"),
    }
}

/// Which options there are.
pub(crate) fn options(valid: &[&str], of: &str) -> String {
    let list = list(valid);
    if valid.len() == 1 {
        format!("the option of {of} is {list}")
    } else {
        format!("the options of {of} are {list}")
    }
}

/// The names in backquotes, with an "and" before the last.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", first.join(", "))
        }
    }
}

/// The valid name that is few enough edits away to be what was meant, or that begins alike.
fn nearest<'a>(name: &str, valid: &[&'a str]) -> Option<&'a str> {
    valid
        .iter()
        .map(|near| (distance(name, near), *near))
        .filter(|(edits, near)| *edits <= near.chars().count().max(3) / 3)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, near)| near)
        .or_else(|| {
            let alike = |near: &&&str| {
                name.bytes()
                    .zip(near.bytes())
                    .take_while(|(a, b)| a == b)
                    .count()
                    >= 4
            };
            valid.iter().find(alike).copied()
        })
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replace = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        for (slip, meant) in [
            ("tiemout", "timeout"),
            ("time_out", "timeout"),
            ("Timeout", "timeout"),
            ("retries", "retry"),
            ("rety", "retry"),
            ("retry_times", "retry"),
            ("time_limit", "timeout"),
            ("limits", "limit"),
            ("rate_limit", "rate"),
            ("named", "name"),
        ] {
            assert_eq!(nearest(slip, &STEP), Some(meant), "{slip}");
        }
    }

    #[test]
    fn what_is_far_from_all_gets_the_list_alone() {
        assert_eq!(
            unknown("concurrency", &["timeout", "retry"], "a step"),
            "unknown option `concurrency`: the options of a step are `timeout` and `retry`"
        );
        assert_eq!(
            unknown("crat", &["crate"], "`#[blueprint]`"),
            "unknown option `crat`: did you mean `crate`? The option of `#[blueprint]` is `crate`"
        );
        assert_eq!(nearest("", &["max", "when"]), None);
    }

    #[test]
    fn an_option_of_retry_is_sent_there() {
        assert_eq!(
            unknown("backoff", &STEP, "a step"),
            "`backoff` goes into `retry(…)`: the options of a step are `timeout`, `retry`, `limit`, `rate` and `name`"
        );
    }
}

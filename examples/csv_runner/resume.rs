//! How to go on with a run that was stopped: [`advice`].

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::redaction::redact;

/// What is said to somebody whose run was stopped: the command that goes on with it, which a shell
/// takes as it is. `more` is an option that it needs beside.
pub(crate) fn advice(
    arguments: impl IntoIterator<Item = OsString>,
    input: Option<&Redirected>,
    output: Option<&Redirected>,
    more: Option<&str>,
) -> String {
    let mut command = String::new();
    let mut hidden = false;
    let mut options_end = false;
    for (at, argument) in arguments.into_iter().enumerate() {
        let argument = argument.to_string_lossy();
        options_end |= argument == "--";
        // It would delete what is to be gone on with.
        if argument == "--fresh" && !options_end {
            continue;
        }
        let shown = without_secrets(&argument);
        hidden |= shown != argument;
        if at > 0 {
            command.push(' ');
        }
        command.push_str(&quoted(&shown));
        if at == 0
            && let Some(more) = more
        {
            command.push(' ');
            command.push_str(more);
        }
    }
    let mut words = Vec::new();
    if hidden {
        words.push("put back the URL's secrets in place of ***");
    }
    for (redirected, sign, otherwise) in [
        (input, '<', "give it the same tasks"),
        (
            output,
            '>',
            "send the results to a new file, by > and not by >>",
        ),
    ] {
        match redirected {
            Some(Redirected::To(path)) => {
                command.push(' ');
                command.push(sign);
                command.push(' ');
                command.push_str(&quoted(&path.to_string_lossy()));
            }
            Some(Redirected::Elsewhere) => words.push(otherwise),
            None => {}
        }
    }
    let words = match words.as_slice() {
        [] => String::new(),
        words => format!(" ({})", words.join("; ")),
    };
    format!("to go on{words}:\n  {command}")
}

/// Where standard input or output leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirected {
    /// A file, by its path.
    To(PathBuf),
    /// A pipe, or what can't be told.
    Elsewhere,
}

impl Redirected {
    /// Where this descriptor of the process leads.
    pub(crate) fn of(descriptor: u32) -> Self {
        // Other systems than Linux do not tell.
        let path = fs::read_link(format!("/proc/self/fd/{descriptor}"));
        match path {
            Ok(path) if path.is_absolute() && path.is_file() => Self::To(path),
            _ => Self::Elsewhere,
        }
    }
}

/// The argument without the secrets of the URL that it may be.
fn without_secrets(argument: &str) -> Cow<'_, str> {
    let shown = redact(argument);
    if !argument.contains("://") {
        return shown;
    }
    let Some((before, query)) = shown.split_once('?') else {
        return shown;
    };
    let fragment = query.find('#').map_or("", |at| &query[at..]);
    format!("{before}?***{fragment}").into()
}

/// The argument as a shell takes it for one.
fn quoted(argument: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.into();
    }
    format!("'{}'", argument.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> String {
        advice(arguments.iter().map(OsString::from), None, None, None)
    }

    #[test]
    fn the_command_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(
            command(&["csv_runner", "--journal=run.db", "it's $5", "", "~/x"]),
            r"to go on:
  csv_runner --journal=run.db 'it'\''s $5' '' '~/x'"
        );
    }

    #[test]
    fn what_would_begin_anew_is_left_out() {
        assert_eq!(
            command(&["x", "--fresh", "--journal", "j", "--", "--fresh"]),
            "to go on:\n  x --journal j -- --fresh"
        );
    }

    #[test]
    fn secrets_are_left_out_with_a_word_on_them() {
        let said = command(&["x", "--url=http://me:you@host/p?key#f"]);
        assert_eq!(
            said,
            "to go on (put back the URL's secrets in place of ***):\n  \
             x '--url=http://***@host/p?***#f'"
        );
    }

    #[test]
    fn files_that_the_shell_has_opened_are_named() {
        let input = Redirected::To("/tmp/a b".into());
        let said = advice(
            ["x".into(), "-".into()],
            Some(&input),
            Some(&Redirected::Elsewhere),
            Some("--retry-failed"),
        );
        assert_eq!(
            said,
            "to go on (send the results to a new file, by > and not by >>):\n  \
             x --retry-failed - < '/tmp/a b'"
        );
    }
}

//! The command that continues a run that was stopped: [`Invocation`].

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;

use super::printable::is_printable;
use super::redaction::redact;
use super::{input, standard_output};

/// How the program was called: all that a shell needs to call it again in the same folder.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) arguments: Vec<OsString>,
    /// Variables of the environment that count as options, by name and value. The shell may have set
    /// them for this one command.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Where standard input comes from, if it is read.
    pub(crate) input: Option<Redirected>,
    /// Where standard output goes, if results are written there, and not to a terminal.
    pub(crate) output: Option<Redirected>,
}

impl Invocation {
    /// Returns what to say to somebody whose run was stopped: the command that continues it, which
    /// works when it is pasted into a shell. `more` is an option to add.
    ///
    /// What the command cannot say is said in words. Above all, it names no file whose content is not
    /// all of this run's: `>` would destroy the rest, and `>>` would add all results a second time.
    pub(crate) fn advice(&self, more: Option<&str>) -> String {
        let mut command = Vec::new();
        let mut words: Vec<Cow<'_, str>> = Vec::new();
        for (name, value) in &self.variables {
            if without_secrets(value) == *value {
                command.push(format!("{name}={}", quoted(value.as_ref())));
            } else {
                words.push(format!("set {name} to the same URL").into());
            }
        }
        let mut hidden = false;
        let mut options_end = false;
        for (at, argument) in self.arguments.iter().enumerate() {
            options_end |= argument == "--";
            // It would delete the journal that the command resumes.
            if argument == "--fresh" && !options_end {
                continue;
            }
            let text = argument.to_string_lossy();
            let shown = without_secrets(&text);
            if shown == text {
                command.push(quoted(argument));
            } else {
                hidden = true;
                command.push(quoted(shown.as_ref().as_ref()));
            }
            if at == 0 {
                command.extend(more.map(str::to_owned));
            }
        }
        if hidden {
            words.push("put back the URL's secrets in place of ***".into());
        }
        match &self.input {
            Some(Redirected::To(path)) => command.push(format!("< {}", quoted(path.as_ref()))),
            Some(Redirected::Shared | Redirected::Elsewhere) => {
                words.push("give it the same tasks".into());
            }
            None => {}
        }
        match &self.output {
            Some(Redirected::To(path)) => command.push(format!("> {}", quoted(path.as_ref()))),
            Some(Redirected::Shared) => words.push(
                "all results are written again, so send them to a new file by >; the one that they \
                 were added to stays as it is"
                    .into(),
            ),
            Some(Redirected::Elsewhere) => {
                words.push("send the results to a new file, by > and not by >>".into());
            }
            None => {}
        }
        let words = match words.as_slice() {
            [] => String::new(),
            words => format!(" ({})", words.join("; ")),
        };
        format!("to go on{words}:\n  {}", command.join(" "))
    }
}

/// Where standard input or output leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redirected {
    /// A file that is all of this run's, by its path.
    To(PathBuf),
    /// A file that has other content, too: it was opened by `>>`, or something had been read from it
    /// or written to it when the program started.
    Shared,
    /// A pipe, or a file whose path is not known.
    Elsewhere,
}

impl Redirected {
    /// Returns where standard input comes from. Must be called before it is read.
    pub(crate) fn input() -> Self {
        input::standard_input().map_or(Self::Elsewhere, |file| Self::of(&file))
    }

    /// Returns where standard output goes. Must be called before it is written.
    pub(crate) fn output() -> Self {
        standard_output::duplicate().map_or(Self::Elsewhere, |file| Self::of(&file))
    }

    #[cfg(unix)]
    fn of(file: &File) -> Self {
        use std::os::fd::AsRawFd as _;

        // Linux alone has these links.
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let Some(path) = std::fs::read_link(link)
            .ok()
            .filter(|path| path.is_absolute())
        else {
            return Self::Elsewhere;
        };
        // A file that was deleted or renamed, or that this process sees under another path.
        let is_there = matches!(
            (std::fs::metadata(&path), file.metadata()),
            (Ok(there), Ok(file)) if standard_output::is_same(&there, &file)
        );
        if !is_there {
            return Self::Elsewhere;
        }
        match is_shared(file) {
            Ok(false) => Self::To(path),
            Ok(true) => Self::Shared,
            Err(_) => Self::Elsewhere,
        }
    }

    #[cfg(not(unix))]
    fn of(_: &File) -> Self {
        Self::Elsewhere
    }
}

/// Returns whether the file has content that is not of this program.
#[cfg(unix)]
fn is_shared(mut file: &File) -> std::io::Result<bool> {
    use std::io::Seek as _;

    use rustix::fs::{OFlags, fcntl_getfl};

    let appends = fcntl_getfl(file)?.contains(OFlags::APPEND);
    Ok(appends || file.stream_position()? > 0)
}

/// Returns the argument without the secrets of the URL that it may be.
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

/// Returns the argument as a word of a shell, of ASCII if not all of it can be printed.
///
/// Bytes that are not UTF-8, and characters that a terminal would obey, are spelled in a call of
/// `printf`, which all shells have; not all of them have `$'...'`.
fn quoted(argument: &OsStr) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    match argument.to_str() {
        // `zsh` expands a leading `=`.
        Some(text) if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('=') => {
            text.to_owned()
        }
        Some(text) if text.chars().all(is_printable) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => spelled(argument.as_encoded_bytes()),
    }
}

/// Returns a word that stands for these bytes.
fn spelled(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    // A shell removes line ends behind the output of a command.
    let end = bytes
        .iter()
        .rposition(|&byte| byte != b'\n')
        .map_or(0, |at| at + 1);
    let mut word = String::from("\"$(printf '");
    for (at, &byte) in bytes[..end].iter().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"_+=.,:/@".contains(&byte);
        if is_plain || byte == b'-' && at > 0 {
            word.push(byte.into());
        } else {
            let _ = write!(word, r"\{byte:03o}");
        }
    }
    word.push_str("')\"");
    if end < bytes.len() {
        let _ = write!(word, "'{}'", "\n".repeat(bytes.len() - end));
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invocation(arguments: &[&str]) -> Invocation {
        Invocation {
            arguments: arguments.iter().map(OsString::from).collect(),
            variables: Vec::new(),
            input: None,
            output: None,
        }
    }

    fn command(arguments: &[&str]) -> String {
        invocation(arguments).advice(None)
    }

    #[test]
    fn arguments_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(
            command(&[
                "csv_runner",
                "--journal=run.db",
                "it's $5",
                "",
                "~/x",
                "=ls"
            ]),
            r"to go on:
  csv_runner --journal=run.db 'it'\''s $5' '' '~/x' '=ls'"
        );
    }

    #[test]
    fn fresh_is_left_out() {
        assert_eq!(
            command(&["x", "--fresh", "--journal", "j", "--", "--fresh"]),
            "to go on:\n  x --journal j -- --fresh"
        );
    }

    #[test]
    fn secrets_are_replaced_and_asked_for() {
        let said = command(&["x", "--url=http://me:you@host/p?key#f"]);
        assert_eq!(
            said,
            "to go on (put back the URL's secrets in place of ***):\n  \
             x '--url=http://***@host/p?***#f'"
        );
    }

    #[test]
    fn variables_are_set_unless_they_hold_secrets() {
        let mut of = invocation(&["x", "j"]);
        of.variables = vec![("URL", "http://host/a b".into())];
        assert_eq!(of.advice(None), "to go on:\n  URL='http://host/a b' x j");
        of.variables = vec![("URL", "http://me:you@host/".into())];
        assert_eq!(
            of.advice(None),
            "to go on (set URL to the same URL):\n  x j"
        );
    }

    #[test]
    fn files_that_the_shell_has_opened_are_named() {
        let mut of = invocation(&["x", "-"]);
        of.input = Some(Redirected::To("/tmp/a b".into()));
        of.output = Some(Redirected::To("/tmp/c".into()));
        assert_eq!(
            of.advice(Some("--retry-failed")),
            "to go on:\n  x --retry-failed - < '/tmp/a b' > /tmp/c"
        );
        of.output = Some(Redirected::Elsewhere);
        assert_eq!(
            of.advice(None),
            "to go on (send the results to a new file, by > and not by >>):\n  x - < '/tmp/a b'"
        );
    }

    #[test]
    fn a_file_with_other_content_is_not_written_to_again() {
        let mut of = invocation(&["x"]);
        of.output = Some(Redirected::Shared);
        let said = of.advice(None);
        assert!(said.starts_with("to go on (all results are written again"));
        assert!(said.ends_with(":\n  x"), "{said}");
    }

    #[cfg(unix)]
    proptest! {
        // Each case starts a shell.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_takes_a_quoted_argument_for_what_it_is(
            argument in prop_oneof![
                prop::collection::vec(1..=u8::MAX, 0..20),
                "[ -~]{0,20}".prop_map(String::into_bytes),
                "[%\\\\'\"!$`\n\u{202e}a-]{0,12}".prop_map(String::into_bytes),
            ],
        ) {
            use std::os::unix::ffi::OsStrExt as _;
            let word = quoted(OsStr::from_bytes(&argument));
            let unprintable = word.chars().find(|&c| c != '\n' && !is_printable(c));
            prop_assert_eq!(unprintable, None);
            let script = format!("printf %s {word}");
            let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(shell.stdout, argument);
        }
    }
}

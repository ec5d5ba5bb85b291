//! Text that is safe to show on a terminal: [`is_printable`], [`one_line`], [`lines`], [`path`].

use std::borrow::Cow;
use std::path::Path;

/// Returns whether a terminal shows this character and does nothing else.
///
/// Control characters, C1 ones among them, can begin a sequence that the terminal obeys. Bidirectional
/// controls and line separators make text look like another one.
pub(crate) fn is_printable(c: char) -> bool {
    let is_bidirectional = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let is_separator = matches!(c, '\u{2028}' | '\u{2029}');
    !(c.is_control() || is_bidirectional || is_separator)
}

/// Returns the text on one line: what is not printable is written as an escape, such as `\n`.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_printable)
}

/// Returns the text with its line ends, and what else is not printable as an escape.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n' || is_printable(c))
}

/// Returns the path on one line.
pub(crate) fn path(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&stays) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            one_line("a\r\nb\u{1b}[2J\u{9b}mé"),
            "a\\r\\nb\\u{1b}[2J\\u{9b}mé"
        );
        assert_eq!(lines("a\r\nb\u{7f}"), "a\\r\nb\\u{7f}");
    }

    #[test]
    fn characters_that_reorder_text_or_break_lines_are_escaped() {
        for c in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2028}\u{2029}\u{2066}\u{2069}".chars() {
            assert_eq!(one_line(&c.to_string()), c.escape_unicode().to_string());
        }
    }

    #[test]
    fn text_in_any_script_stays_as_it_is() {
        for text in ["plain", "größe", "שלום", "日本語", "👩\u{200d}🔬", "~ \\n"] {
            assert_eq!(one_line(text), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_printable(text: String) {
            prop_assert!(one_line(&text).chars().all(is_printable));
            let shown = lines(&text);
            prop_assert!(shown.chars().all(|c| c == '\n' || is_printable(c)));
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        }
    }
}

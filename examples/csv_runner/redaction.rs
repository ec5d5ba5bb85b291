//! Keeps user names and passwords out of what is shown: [`redact`].

use std::borrow::Cow;

/// The text without the user names and passwords of the URLs in it.
///
/// ```text
/// cannot reach http://me:secret@example.org/  ->  cannot reach http://***@example.org/
/// ```
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let authority = after
            .find(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'') || c.is_whitespace())
            .unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(at) => {
                shown.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_host_is_hidden() {
        for (text, shown) in [
            ("no address", "no address"),
            ("http://host/a@b", "http://host/a@b"),
            ("at https://me:p@ss@host:1/x?y", "at https://***@host:1/x?y"),
            (
                "http://a:b@c and \"socks5://d@e\"",
                "http://***@c and \"socks5://***@e\"",
            ),
            ("ends with ://", "ends with ://"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }
}

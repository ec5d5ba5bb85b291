//! An error on one line: [`OneLine`].

use std::fmt;

use super::marks::is_mark;

/// An error and its causes, joined by colons, with no line break and no control character.
pub(super) struct OneLine<'a>(pub(super) &'a anyhow::Error);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        /// Folds every run of white space and control characters into one space.
        struct Fold<'f, 'a> {
            to: &'f mut fmt::Formatter<'a>,
            begun: bool,
            gap: bool,
        }
        impl fmt::Write for Fold<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for c in text.chars() {
                    if c.is_whitespace() || c.is_control() {
                        self.gap = true;
                        continue;
                    }
                    if self.gap && self.begun {
                        self.to.write_char(' ')?;
                    }
                    (self.begun, self.gap) = (true, false);
                    self.to.write_char(c)?;
                }
                Ok(())
            }
        }
        let mut fold = Fold {
            to: f,
            begun: false,
            gap: false,
        };
        // A mark says again what the error under it says.
        let mut causes = self.0.chain().filter(|cause| !is_mark(*cause));
        if let Some(first) = causes.next() {
            write!(fold, "{first}")?;
        }
        causes.try_for_each(|cause| write!(fold, ": {cause}"))
    }
}

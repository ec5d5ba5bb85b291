//! Quotes that a CSV reader would pass over: [`Quotes`].

use std::collections::VecDeque;
use std::io::{self, Read};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Looks at the quotes of the CSV that is read through it.
///
/// The CSV reader takes whatever comes: a quote that is never closed makes one row of all that
/// follows it, and one that is closed too early makes one row of two. Those rows would be lost.
pub(crate) struct Quotes<R> {
    from: R,
    read: u64,
    place: Place,
    /// The column, from 1.
    column: u64,
    /// The quote that was opened last.
    opened: u64,
    /// What the CSV reader, which is behind, has not come to yet.
    found: VecDeque<Misquote>,
}

/// A field that is not quoted as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misquote {
    byte: u64,
    /// Which field of its row it is, from 1.
    pub(crate) column: u64,
    /// Whether the quote is open at the end of the file; otherwise text follows it.
    pub(crate) is_open: bool,
}

/// Where in a field the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Begin,
    Plain,
    Quoted,
    /// Behind a quote that closes the field, unless another one follows.
    Closed,
}

impl<R> Quotes<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            read: 0,
            place: Place::Begin,
            column: 1,
            opened: 0,
            found: VecDeque::new(),
        }
    }

    /// The first field before this byte of the file that is not quoted as it should be, once.
    pub(crate) fn misquoted_before(&mut self, byte: u64) -> Option<Misquote> {
        let mut first = None;
        while let Some(&misquote) = self.found.front()
            && misquote.byte < byte
        {
            first.get_or_insert(misquote);
            self.found.pop_front();
        }
        first
    }

    /// What is read through it.
    pub(crate) fn into_inner(self) -> R {
        self.from
    }

    fn look(&mut self, byte: u8) {
        let at = self.read;
        self.read += 1;
        self.place = match (self.place, byte) {
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => Place::Quoted,
            (_, b',') => {
                self.column += 1;
                Place::Begin
            }
            (_, b'\n' | b'\r') => {
                self.column = 1;
                Place::Begin
            }
            (Place::Begin, b'"') => {
                self.opened = at;
                Place::Quoted
            }
            (Place::Begin, _) if begins_with_mark(at, byte) => Place::Begin,
            (Place::Closed, _) => {
                self.add(at, false);
                Place::Plain
            }
            (Place::Begin | Place::Plain, _) => Place::Plain,
        };
    }

    fn add(&mut self, byte: u64, is_open: bool) {
        self.found.push_back(Misquote {
            byte,
            column: self.column,
            is_open,
        });
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        for &byte in &buffer[..read] {
            self.look(byte);
        }
        if read == 0 && !buffer.is_empty() && self.place == Place::Quoted {
            self.add(self.opened, true);
            // The end may be read again.
            self.place = Place::Plain;
        }
        Ok(read)
    }
}

/// Whether it is a byte of the mark that a file may begin with.
fn begins_with_mark(at: u64, byte: u8) -> bool {
    usize::try_from(at).is_ok_and(|at| BYTE_ORDER_MARK.get(at) == Some(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The column of each field that is misquoted, and whether its quote is open.
    fn found(text: &[u8]) -> Vec<(u64, bool)> {
        let mut quotes = Quotes::new(text);
        // In pieces, as a pipe may give it.
        while quotes.read(&mut [0; 3]).unwrap() > 0 {}
        let found = quotes.found.iter();
        found.map(|found| (found.column, found.is_open)).collect()
    }

    #[test]
    fn what_is_quoted_well_is_passed_over() {
        for text in [
            &b""[..],
            b"\"\"",
            b"a,b\n\"c\",\"d, \"\"e\"\"\"\r\n\"\"\"\",\"\n\"\r\n\"g\"",
            b"\xef\xbb\xbf\"a,\",b\n",
            b"in a plain field,a \"quote\" is\na\"b\",c\n",
        ] {
            assert_eq!(found(text), [], "{}", text.escape_ascii());
        }
    }

    #[test]
    fn an_open_quote_is_found_at_the_end() {
        assert_eq!(found(b"a,\"b\nc,d\n"), [(2, true)]);
        assert_eq!(found(b"\xef\xbb\xbf\""), [(1, true)]);
        assert_eq!(found(b"a,b,\"c\"\""), [(3, true)]);
    }

    #[test]
    fn text_behind_a_quote_is_found() {
        assert_eq!(found(b"a,\"b\"c\n\"d\" ,e\n"), [(2, false), (1, false)]);
        assert_eq!(found(b"1,\"a\n2,\"b\"\n3,c\n"), [(2, false)]);
    }

    #[test]
    fn it_is_told_once_to_the_row_that_it_is_in() {
        let mut quotes = Quotes::new(&b"\"a\"b\n\"c\"d\n"[..]);
        io::copy(&mut quotes, &mut io::sink()).unwrap();
        assert_eq!(quotes.misquoted_before(3), None);
        assert!(quotes.misquoted_before(5).is_some_and(|it| it.byte == 3));
        assert_eq!(quotes.misquoted_before(5), None);
        assert!(quotes.misquoted_before(10).is_some());
    }
}

//! Rows of the tasks file, one after the other: [`Rows`].

use std::fmt;
use std::io::{self, Read};

use csv::ByteRecord;

use super::quotes::{Misquote, Quotes};

/// The longest row that is read. It bounds what a quote that is never closed takes in memory.
const LONGEST_ROW: u64 = 1024 * 1024;

const TASK_ID: &str = "task_id";
const TASK_TYPE: &str = "task_type";

/// A row that passed the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'r> {
    pub(crate) task_id: u64,
    pub(crate) task_type: &'r str,
}

/// A row that did not, and the byte of the file at which it begins.
///
/// Not the line: the CSV reader counts lines by line feeds, which is one short under CRLF and
/// behind blank lines. Who shows the row finds its line from the byte.
#[derive(Debug)]
pub(crate) struct BadRow {
    pub(crate) byte: u64,
    pub(crate) why: Fault,
}

/// What is wrong with a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A field's quotes do not hold the whole of it.
    Quotes(Misquote),
    /// Not as many fields as the header.
    Fields { expected: u64, found: u64 },
    /// Not a number from 0 to 18446744073709551615.
    TaskId(String),
    /// Not UTF-8.
    Encoding(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quotes(misquote) => {
                let column = misquote.column;
                let what = quoting(*misquote);
                write!(f, "column {column}: {what}")
            }
            Self::Fields { expected, found } => {
                let s = if *found == 1 { "" } else { "s" };
                let column = found.min(expected) + 1;
                write!(
                    f,
                    "column {column}: {found} field{s}, but the header has {expected}"
                )
            }
            Self::TaskId(field) => write!(
                f,
                "column {TASK_ID}: {field:?} is not a whole number from 0 to {}",
                u64::MAX
            ),
            Self::Encoding(column) => write!(f, "column {column}: not valid UTF-8"),
        }
    }
}

/// Why no further row can be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The header does not name both columns.
    Header(String),
    /// The row that begins at this byte goes on and on.
    TooLong { byte: u64 },
    /// The file could not be read.
    Io(io::Error),
}

/// Reads rows. Columns go by the header's names, in any order; others are passed over.
pub(crate) struct Rows<R> {
    csv: csv::Reader<Bounded<Quotes<R>>>,
    record: ByteRecord,
    id_at: usize,
    type_at: usize,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub(crate) fn new(from: R) -> Result<Self, Unreadable> {
        let mut csv = csv::ReaderBuilder::new()
            .buffer_capacity(64 * 1024)
            .from_reader(Bounded {
                from: Quotes::new(from),
                left: LONGEST_ROW,
            });
        let header = match csv.byte_headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(unreadable(error, 0)),
        };
        if let Some(misquote) = misquoted(&mut csv) {
            let what = quoting(misquote);
            return Err(Unreadable::Header(format!("the header: {what}")));
        }
        if header.is_empty() {
            return Err(Unreadable::Header("no header: the file is empty".into()));
        }
        Ok(Self {
            csv,
            record: ByteRecord::new(),
            id_at: column(&header, TASK_ID)?,
            type_at: column(&header, TASK_TYPE)?,
        })
    }

    /// The next row, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Row<'_>, BadRow>>, Unreadable> {
        let byte = self.csv.position().byte();
        self.csv.get_mut().left = LONGEST_ROW;
        let lengths = match self.csv.read_byte_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => Ok(()),
            Err(error) => match error.kind() {
                &csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => Err(Fault::Fields {
                    expected: expected_len,
                    found: len,
                }),
                _ => return Err(unreadable(error, byte)),
            },
        };
        // First, since it is why the lengths differ, if they do.
        let quotes = misquoted(&mut self.csv).map_or(Ok(()), |it| Err(Fault::Quotes(it)));
        let row = quotes.and(lengths).and_then(|()| self.row());
        Ok(Some(row.map_err(|why| BadRow { byte, why })))
    }

    /// How many bytes of the file the rows so far take.
    pub(crate) fn bytes(&self) -> u64 {
        self.csv.position().byte()
    }

    /// What the rows are read from.
    pub(crate) fn into_inner(self) -> R {
        self.csv.into_inner().from.into_inner()
    }

    fn row(&self) -> Result<Row<'_>, Fault> {
        // As many fields as the header has, or it would not be here.
        let (id, kind) = (&self.record[self.id_at], &self.record[self.type_at]);
        let id = std::str::from_utf8(id).map_err(|_| Fault::Encoding(TASK_ID))?;
        // As in the header.
        let id = id.trim_ascii();
        // `parse` alone would take "+5", which comes back as 5.
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        let task_id = match id.parse() {
            Ok(number) if digits => number,
            _ => return Err(Fault::TaskId(shortened(id))),
        };
        let task_type = std::str::from_utf8(kind).map_err(|_| Fault::Encoding(TASK_TYPE))?;
        Ok(Row { task_id, task_type })
    }
}

/// What is wrong with the quotes of the record that was read last.
fn misquoted<R: Read>(csv: &mut csv::Reader<Bounded<Quotes<R>>>) -> Option<Misquote> {
    let end = csv.position().byte();
    csv.get_mut().from.misquoted_before(end)
}

/// What is wrong with a field's quotes.
fn quoting(misquote: Misquote) -> &'static str {
    if misquote.is_open {
        "a quote is opened and never closed"
    } else {
        "text follows the closing quote; a quote in a quoted field is written twice"
    }
}

/// Where the header names `column`.
fn column(header: &ByteRecord, column: &str) -> Result<usize, Unreadable> {
    let mut places = (0..header.len()).filter(|&at| header[at].trim_ascii() == column.as_bytes());
    match (places.next(), places.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => {
            let names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
            let names = shortened(&names.join(","));
            Err(Unreadable::Header(format!(
                "no column {column}: the header must name {TASK_ID} and {TASK_TYPE}, and reads {names:?}"
            )))
        }
        (Some(_), Some(_)) => Err(Unreadable::Header(format!(
            "the header names the column {column} twice"
        ))),
    }
}

/// A text as a message can bear it.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn unreadable(error: csv::Error, byte: u64) -> Unreadable {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => match error.downcast::<RowTooLong>() {
            Ok(RowTooLong) => Unreadable::TooLong { byte },
            Err(error) => Unreadable::Io(error),
        },
        kind => Unreadable::Io(io::Error::other(format!("{kind:?}"))),
    }
}

/// Reads no more than so many bytes for one row.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(RowTooLong));
        }
        let read = self.from.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[derive(Debug)]
struct RowTooLong;

impl fmt::Display for RowTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row is longer than {LONGEST_ROW} bytes")
    }
}

impl std::error::Error for RowTooLong {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Numbered = Vec<(u64, String)>;

    /// The good rows, and the bad ones with the byte at which each begins.
    fn read(text: &[u8]) -> (Numbered, Numbered) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut rows = Rows::new(text).unwrap();
        while let Some(row) = rows.next().unwrap() {
            match row {
                Ok(row) => good.push((row.task_id, row.task_type.to_owned())),
                Err(row) => bad.push((row.byte, row.why.to_string())),
            }
        }
        (good, bad)
    }

    fn header_error(text: &[u8]) -> String {
        match Rows::new(text) {
            Err(Unreadable::Header(message)) => message,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("taken"),
        }
    }

    #[test]
    fn columns_go_by_name_and_others_are_passed_over() {
        let (good, bad) = read(b"note,task_type,task_id\nx,mail,7\ny,,8\n");
        assert_eq!(good, [(7, "mail".into()), (8, String::new())]);
        assert!(bad.is_empty());
    }

    #[test]
    fn a_byte_order_mark_and_crlf_and_quotes_and_blank_lines_and_no_final_newline() {
        let text = b"\xef\xbb\xbftask_id,task_type\r\n\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\n\"18446744073709551615\",z";
        let (good, bad) = read(text);
        assert_eq!(good, [(1, "a \"b\"\r\nc".into()), (u64::MAX, "z".into())]);
        assert!(bad.is_empty());
    }

    #[test]
    fn spaces_around_names_and_ids_are_passed_over() {
        let (good, bad) = read(b" task_id ,\ttask_type\n 1 , a \n\t2,b\n ,c\n1 2,d\n");
        assert_eq!(good, [(1, " a ".into()), (2, "b".into())]);
        assert_eq!(bad.len(), 2);
    }

    #[test]
    fn a_bad_row_does_not_hide_the_rows_behind_it() {
        let (good, bad) = read(b"task_id,task_type\n+1,a\n2\n3,b,c\n-4,a\n5,\xff\n,a\n6,ok\n");
        assert_eq!(good, [(6, "ok".into())]);
        assert_eq!(bad[0].0, 18);
        let bad: Vec<_> = bad.into_iter().map(|(_, why)| why).collect();
        let number = "is not a whole number from 0 to 18446744073709551615";
        assert_eq!(
            bad,
            [
                format!("column task_id: \"+1\" {number}"),
                "column 2: 1 field, but the header has 2".into(),
                "column 3: 3 fields, but the header has 2".into(),
                format!("column task_id: \"-4\" {number}"),
                "column task_type: not valid UTF-8".into(),
                format!("column task_id: \"\" {number}"),
            ]
        );
    }

    #[test]
    fn rows_are_not_lost_in_a_quote() {
        let (good, bad) = read(b"task_id,task_type\n1,\"a\n2,\"b\"\n3,c\n4,\"d\n5,e\n");
        assert_eq!(good, [(3, "c".into())]);
        let follows = "column 2: text follows the closing quote; \
                       a quote in a quoted field is written twice";
        let open = "column 2: a quote is opened and never closed";
        assert_eq!(bad, [(18, follows.into()), (33, open.into())]);
    }

    proptest! {
        #[test]
        fn no_row_is_taken_by_the_one_before(rows in "[1a,\"\n\r]{0,24}") {
            let text = format!("task_id,task_type\n{rows}\n");
            let (mut good, bad) = read(text.as_bytes());
            // What is bad is named, whatever it took.
            if bad.iter().any(|(_, why)| why.contains("quote")) {
                return Ok(());
            }
            good.push((9, "z".into()));
            prop_assert_eq!(read(format!("{text}9,z\n").as_bytes()).0, good);
        }
    }

    #[test]
    fn a_header_has_quotes_that_close() {
        assert_eq!(
            header_error(b"task_id,\"task_type\n1,a\n"),
            "the header: a quote is opened and never closed"
        );
    }

    #[test]
    fn one_more_than_the_largest_number_is_bad() {
        let (good, bad) = read(b"task_id,task_type\n18446744073709551616,a\n");
        assert!(good.is_empty());
        assert_eq!(bad.len(), 1);
    }

    #[test]
    fn a_header_is_asked_for() {
        assert_eq!(header_error(b""), "no header: the file is empty");
        assert_eq!(header_error(b"\n\r\n"), "no header: the file is empty");
        assert_eq!(
            header_error(b"1,mail\n"),
            "no column task_id: the header must name task_id and task_type, and reads \"1,mail\""
        );
        assert_eq!(
            header_error(b"task_id,task_type,task_id\n"),
            "the header names the column task_id twice"
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_takes_no_more_than_a_row_may() {
        let mut text = b"task_id,task_type\n1,a\n2,\"".to_vec();
        text.resize(3 * 1024 * 1024, b'x');
        let mut rows = Rows::new(&*text).unwrap();
        assert!(rows.next().unwrap().unwrap().is_ok());
        assert!(matches!(rows.next(), Err(Unreadable::TooLong { byte: 22 })));
    }
}

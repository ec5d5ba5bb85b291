//! The first pass over the tasks file, before anything runs: [`check`].

use std::io::{self, Read};

use anyhow::{Context as _, bail};

use super::file_format::{BEGIN, not_csv};
use super::input::{Hashed, Input, Stamp};
use super::rows::{BadRow, Rows, Unreadable};
use super::superseded::{IdSorter, Superseded};

/// How many bad rows are named; the others are counted.
const NAMED: usize = 20;
/// The progress is told after so many rows.
const PROGRESS_EVERY: u64 = 4 * 1024;

/// What the first pass found.
#[derive(Debug)]
pub(crate) struct Survey {
    /// How many good rows there are.
    pub(crate) rows: u64,
    /// Which of them give way to a later row of the same id.
    pub(crate) superseded: Superseded,
    pub(crate) bad: BadRows,
    /// What the second pass must find again.
    pub(crate) fingerprint: Fingerprint,
}

/// What the file was when it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: u128,
    pub(crate) stamp: Stamp,
}

/// The rows that are no tasks.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    pub(crate) count: u64,
    /// One line on each of the first of them.
    pub(crate) named: Vec<String>,
}

/// Reads the whole file. `progress` is called with the number of bytes read.
pub(crate) fn check(input: &Input, mut progress: impl FnMut(u64)) -> anyhow::Result<Survey> {
    let name = input.name();
    let cannot_read = || format!("cannot read {name}");
    let cannot_sort = "cannot sort the task ids in a temporary file";

    let stamp = input.stamp().with_context(cannot_read)?;
    let mut begin = Vec::new();
    let reader = input.reader().with_context(cannot_read)?;
    reader
        .take(BEGIN)
        .read_to_end(&mut begin)
        .with_context(cannot_read)?;
    if let Some(what) = not_csv(&begin) {
        bail!("{name}: {what}");
    }
    let reader = input.reader().with_context(cannot_read)?;
    let mut rows = match Rows::new(Hashed::new(reader)) {
        Ok(rows) => rows,
        Err(error) => return Err(stopped(input, error)),
    };
    let mut ids = IdSorter::new();
    let mut bad = Vec::new();
    let mut bad_count = 0;
    loop {
        match rows.next() {
            Ok(None) => break,
            Ok(Some(Ok(row))) => ids.push(row.task_id).context(cannot_sort)?,
            Ok(Some(Err(row))) => {
                bad_count += 1;
                if bad.len() < NAMED {
                    bad.push(row);
                }
            }
            Err(error) => return Err(stopped(input, error)),
        }
        if (ids.rows() + bad_count).is_multiple_of(PROGRESS_EVERY) {
            progress(rows.bytes());
        }
    }
    let fingerprint = Fingerprint {
        hash: rows.into_inner().hash(),
        stamp,
    };
    let named = name_rows(input, &bad).with_context(cannot_read)?;
    if input.stamp().with_context(cannot_read)? != stamp {
        bail!("{name} changed while it was read");
    }
    Ok(Survey {
        rows: ids.rows(),
        superseded: ids.finish().context(cannot_sort)?,
        bad: BadRows {
            count: bad_count,
            named,
        },
        fingerprint,
    })
}

/// The file cannot be read to its end.
fn stopped(input: &Input, error: Unreadable) -> anyhow::Error {
    let name = input.name();
    match error {
        Unreadable::Header(message) => anyhow::anyhow!("{name}: {message}"),
        Unreadable::TooLong { byte } => {
            let line = match lines_at(input, &[byte]).as_deref() {
                Ok(&[line]) => format!("line {line}"),
                _ => format!("byte {byte}"),
            };
            anyhow::anyhow!("{name}: {line}: a row of more than 1 MiB; is a quote left open?")
        }
        Unreadable::Io(error) => anyhow::Error::new(error).context(format!("cannot read {name}")),
    }
}

/// One line on each of these rows.
fn name_rows(input: &Input, rows: &[BadRow]) -> io::Result<Vec<String>> {
    let bytes: Vec<u64> = rows.iter().map(|row| row.byte).collect();
    let lines = lines_at(input, &bytes)?;
    let named = lines.iter().zip(rows);
    Ok(named
        .map(|(line, row)| format!("line {line}, {}", row.why))
        .collect())
}

/// The number of the line in which each of these rows stands, as an editor counts lines.
///
/// `bytes` is in ascending order. A row begins behind the line ends and blank lines that precede
/// it, which the CSV reader takes for the beginning of the row.
fn lines_at(input: &Input, bytes: &[u64]) -> io::Result<Vec<u64>> {
    let mut found = Vec::with_capacity(bytes.len());
    let mut wanted = bytes.iter().copied().peekable();
    if wanted.peek().is_none() {
        return Ok(found);
    }
    let (mut line, mut previous) = (1, 0);
    for (at, byte) in (0_u64..).zip(io::BufReader::new(input.reader()?).bytes()) {
        let byte = byte?;
        // A line ends at a line feed, or at a carriage return that no line feed follows.
        if previous == b'\n' || previous == b'\r' && byte != b'\n' {
            line += 1;
        }
        previous = byte;
        if byte != b'\n' && byte != b'\r' {
            while wanted.next_if(|&begin| begin <= at).is_some() {
                found.push(line);
            }
            if wanted.peek().is_none() {
                break;
            }
        }
    }
    found.extend(wanted.map(|_| line));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn survey(text: &[u8]) -> anyhow::Result<Survey> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text)?;
        check(&Input::open(Some(file.path()), |_| {})?, |_| {})
    }

    fn bad_lines(text: &str) -> Vec<String> {
        let named = survey(text.as_bytes()).unwrap().bad.named;
        let line = |message: String| message.split_once(',').unwrap().0.to_owned();
        named.into_iter().map(line).collect()
    }

    #[test]
    fn it_counts_rows_and_finds_the_superseded_ones() {
        let found = survey(b"task_id,task_type\n101,a\n102,b\n101,c\n103,d\n").unwrap();
        assert_eq!((found.rows, found.bad.count), (4, 0));
        assert_eq!(found.superseded.count(), 1);
        assert!(found.superseded.contains(0));
    }

    #[test]
    fn ordinals_go_by_good_rows() {
        let found = survey(b"task_id,task_type\nx,a\n1,b\n1,c\n").unwrap();
        assert!(found.superseded.contains(0) && !found.superseded.contains(1));
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let unix = "task_id,task_type\n1,\"two\nlines\"\nx,a\n\n\n2,b\ny,c\n";
        assert_eq!(bad_lines(unix), ["line 4", "line 8"]);
        assert_eq!(bad_lines(&unix.replace('\n', "\r\n")), ["line 4", "line 8"]);
        assert_eq!(bad_lines(&unix.replace('\n', "\r")), ["line 4", "line 8"]);
    }

    #[test]
    fn the_first_twenty_bad_rows_are_named() {
        let text = format!("task_id,task_type\n{}", "x,a\n".repeat(50));
        let found = survey(text.as_bytes()).unwrap();
        assert_eq!((found.bad.count, found.bad.named.len()), (50, 20));
        assert!(found.bad.named[19].starts_with("line 21, column task_id: \"x\""));
    }

    #[test]
    fn an_open_quote_is_told_with_its_line() {
        let text = format!("task_id,task_type\r\n1,a\r\n2,\"{}", "x".repeat(2_000_000));
        let error = survey(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.ends_with("line 3: a row of more than 1 MiB; is a quote left open?"),
            "{error}"
        );
    }
}

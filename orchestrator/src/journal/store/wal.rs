//! Damage in `SQLite`'s write-ahead log: [`check`].
//!
//! `SQLite` ends the log at the first frame that does not match its checksum, and takes the rest for a commit that was
//! cut off by a crash. Each commit is synced before the next one is written, so at most the last one can be cut off. If
//! more follows, the log was damaged, and to continue would lose commits that were acknowledged. Damage that goes as far as the end
//! of the log is not noticed: it looks like a commit that was cut off. (After two power failures in a row, the remains of
//! two such commits can look like damage.)
//!
//! The format is described in <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::error::Damage;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit says in which byte order the checksums are computed.
const MAGIC: u32 = 0x377f_0682;

/// Checks the log that this path leads to, which may be missing.
pub(super) fn check(path: &Path) -> io::Result<Result<(), Damage>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
        file => BufReader::with_capacity(1 << 16, file?),
    };
    check_log(file)
}

fn check_log(mut log: impl Read) -> io::Result<Result<(), Damage>> {
    const HEADER_DAMAGED: Damage = Damage("the header of its write-ahead log is damaged");
    let mut header = [0; HEADER];
    if !fill(&mut log, &mut header)? {
        return Ok(Ok(()));
    }
    // So the power failed before it was written.
    if header == [0; HEADER] {
        return Ok(Ok(()));
    }
    let magic = word(&header, 0);
    if magic & !1 != MAGIC {
        return Ok(Err(HEADER_DAMAGED));
    }
    let mut sum = Sum {
        big_endian: magic & 1 == 1,
        values: (0, 0),
    };
    sum.add(&header[..24]);
    let page = word(&header, 8) as usize;
    if sum.values != (word(&header, 24), word(&header, 28)) || !(512..=65_536).contains(&page) {
        return Ok(Err(HEADER_DAMAGED));
    }
    let salt = &header[16..24];

    let mut frame = vec![0; FRAME_HEADER + page];
    let mut is_whole = true;
    // Of those behind the first frame that is not whole.
    let mut commits = 0;
    while fill(&mut log, &mut frame)? {
        let (head, data) = frame.split_at(FRAME_HEADER);
        let is_current = &head[8..16] == salt;
        if is_whole {
            sum.add(&head[..8]);
            sum.add(data);
            is_whole = is_current && sum.values == (word(head, 16), word(head, 20));
        }
        if !is_whole && is_current {
            // Frames without the end of a commit may be left from a process that was killed within one.
            commits += u32::from(word(head, 4) != 0);
            if commits > 1 {
                return Ok(Err(Damage("its write-ahead log is damaged")));
            }
        }
    }
    Ok(Ok(()))
}

/// Reads as many bytes as fit. Returns `false` if there are not that many.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// The number of four bytes at this place, the highest byte first.
fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|it| it.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// The log's running checksum.
struct Sum {
    big_endian: bool,
    values: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (mut first, mut second) = self.values;
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            let number = if self.big_endian {
                u32::from_be_bytes
            } else {
                u32::from_le_bytes
            };
            first = first
                .wrapping_add(number([a, b, c, d]))
                .wrapping_add(second);
            second = second
                .wrapping_add(number([e, f, g, h]))
                .wrapping_add(first);
        }
        self.values = (first, second);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// The log of a database that was written in this many commits.
    fn log(commits: u32) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .unwrap();
        for number in 1..commits {
            connection
                .execute("INSERT INTO t VALUES (zeroblob(?1))", [number * 3_000])
                .unwrap();
        }
        std::fs::read(path.with_extension("db-wal")).unwrap()
    }

    fn is_damaged(log: &[u8]) -> bool {
        check_log(log).unwrap().is_err()
    }

    #[test]
    fn a_log_that_sqlite_wrote_is_whole() {
        assert!(!is_damaged(&log(5)));
        assert!(!is_damaged(&[]));
    }

    #[test]
    fn a_log_that_was_cut_off_anywhere_is_whole() {
        let log = log(4);
        for length in (0..log.len()).step_by(517) {
            assert!(!is_damaged(&log[..length]), "{length}");
        }
    }

    #[test]
    fn a_changed_byte_before_the_last_commit_is_damage() {
        let log = log(5);
        // The last commit: its new pages, and those that lead to them.
        let last = log.len() - 8 * 4_120;
        for at in (0..last).step_by(211) {
            let mut log = log.clone();
            log[at] ^= 4;
            assert!(is_damaged(&log), "{at} of {}", log.len());
        }
    }

    #[test]
    fn a_last_commit_that_is_torn_in_any_place_is_no_damage() {
        let mut log = log(5);
        let end = log.len();
        log[end - 2 * 4_120 + 100..end - 4_120].fill(0);
        assert!(!is_damaged(&log));
    }
}

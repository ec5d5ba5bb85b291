//! The hashes of the tasks' inputs, in order of ordinal: blocks of them fill a page each.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _};

use super::checksum;
use super::error::Damage;

/// How many hashes a block holds: as many as fit into one page with a row's header.
const BLOCK: u64 = 250;
const HASH: usize = size_of::<u128>();

/// The blocks. `checksum` covers the number and the hashes.
pub(super) const TABLE: &str = "
    CREATE TABLE input (block INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, hashes BLOB NOT NULL);
";

/// The block that hashes are added to.
#[derive(Debug, Default)]
pub(super) struct Tail {
    block: u64,
    hashes: Vec<u8>,
    changed: bool,
}

impl Tail {
    /// Reads the last block of `count` hashes.
    pub(super) fn read(
        connection: &Connection,
        count: u64,
    ) -> rusqlite::Result<Result<Self, Damage>> {
        let block = count / BLOCK;
        let first = block * BLOCK;
        Ok(read(connection, first..count)?.map(|hashes| Self {
            block,
            hashes: hashes.into_iter().flat_map(u128::to_le_bytes).collect(),
            changed: false,
        }))
    }

    /// Adds the hash of the next input. Writes a block that is full.
    pub(super) fn push(&mut self, connection: &Connection, hash: u128) -> rusqlite::Result<()> {
        self.hashes.extend(hash.to_le_bytes());
        self.changed = true;
        if self.hashes.len() as u64 == BLOCK * HASH as u64 {
            self.write(connection)?;
            self.block += 1;
            self.hashes.clear();
        }
        Ok(())
    }

    /// Writes the block, if hashes were added to it.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let block = self.block.cast_signed();
        let checksum = checksum::of_block(block, &self.hashes);
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO input (block, checksum, hashes) VALUES (?, ?, ?)",
        )?;
        statement.execute((block, checksum, &self.hashes)).map(drop)
    }
}

/// Reads the hashes of the inputs of these ordinals, all of which are there.
pub(super) fn read(
    connection: &Connection,
    ordinals: Range<u64>,
) -> rusqlite::Result<Result<Vec<u128>, Damage>> {
    let mut found = Vec::new();
    if ordinals.is_empty() {
        return Ok(Ok(found));
    }
    let mut statement =
        connection.prepare_cached("SELECT checksum, hashes FROM input WHERE block = ?1")?;
    for block in ordinals.start / BLOCK..=(ordinals.end - 1) / BLOCK {
        let row = statement.query_row([block.cast_signed()], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        let Some((sum, hashes)) = row.optional()? else {
            return Ok(Err(Damage("hashes of inputs are missing")));
        };
        if checksum::of_block(block.cast_signed(), &hashes) != sum {
            return Ok(Err(Damage("hashes of inputs do not match their checksum")));
        }
        let first = block * BLOCK;
        let (hashes, _) = hashes.as_chunks::<HASH>();
        let numbered = (first..).zip(hashes);
        let wanted = numbered.filter(|(ordinal, _)| ordinals.contains(ordinal));
        found.extend(wanted.map(|(_, hash)| u128::from_le_bytes(*hash)));
    }
    if found.len() as u64 != ordinals.end - ordinals.start {
        return Ok(Err(Damage("hashes of inputs are missing")));
    }
    Ok(Ok(found))
}

//! The hashes of the tasks' inputs, in order of ordinal: blocks of them fill a page each.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _};

use super::checksum;
use super::error::{Damage, damaged};

/// How many hashes a block holds: as many as fit into one page with a row's header.
const BLOCK: u64 = 250;
const HASH: usize = size_of::<u128>();

const MISSING: Damage = Damage("hashes of inputs are missing");

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
    pub(super) fn read(connection: &Connection, count: u64) -> rusqlite::Result<Self> {
        let block = count / BLOCK;
        let hashes = read(connection, block * BLOCK..count)?;
        Ok(Self {
            block,
            hashes: hashes.into_iter().flat_map(u128::to_le_bytes).collect(),
            changed: false,
        })
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

    /// Changes the hash of an input that is known.
    pub(super) fn change(
        &mut self,
        connection: &Connection,
        ordinal: u64,
        hash: u128,
    ) -> rusqlite::Result<()> {
        let block = ordinal / BLOCK;
        if block == self.block {
            self.changed = true;
            return change(&mut self.hashes, ordinal, hash);
        }
        let mut hashes = read_block(connection, block)?;
        change(&mut hashes, ordinal, hash)?;
        write_block(connection, block, &hashes)
    }

    /// Writes the block, if it was changed.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        write_block(connection, self.block, &self.hashes)
    }
}

fn change(hashes: &mut [u8], ordinal: u64, hash: u128) -> rusqlite::Result<()> {
    let index = usize::try_from(ordinal % BLOCK).unwrap_or(usize::MAX);
    let (hashes, _) = hashes.as_chunks_mut::<HASH>();
    let place = hashes.get_mut(index).ok_or_else(|| damaged(MISSING))?;
    *place = hash.to_le_bytes();
    Ok(())
}

fn write_block(connection: &Connection, block: u64, hashes: &[u8]) -> rusqlite::Result<()> {
    let block = block.cast_signed();
    let checksum = checksum::of_block(block, hashes);
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO input (block, checksum, hashes) VALUES (?, ?, ?)",
    )?;
    statement.execute((block, checksum, hashes)).map(drop)
}

fn read_block(connection: &Connection, block: u64) -> rusqlite::Result<Vec<u8>> {
    let block = block.cast_signed();
    let mut statement =
        connection.prepare_cached("SELECT checksum, hashes FROM input WHERE block = ?1")?;
    let row = statement.query_row([block], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)));
    let (sum, hashes): (_, Vec<u8>) = row.optional()?.ok_or_else(|| damaged(MISSING))?;
    if checksum::of_block(block, &hashes) != sum {
        let damage = Damage("hashes of inputs do not match their checksum");
        return Err(damaged(damage));
    }
    Ok(hashes)
}

/// Reads the hashes of the inputs of these ordinals, all of which are there.
pub(super) fn read(connection: &Connection, ordinals: Range<u64>) -> rusqlite::Result<Vec<u128>> {
    let mut found = Vec::new();
    if ordinals.is_empty() {
        return Ok(found);
    }
    for block in ordinals.start / BLOCK..=(ordinals.end - 1) / BLOCK {
        let hashes = read_block(connection, block)?;
        let (hashes, _) = hashes.as_chunks::<HASH>();
        let numbered = (block * BLOCK..).zip(hashes);
        let wanted = numbered.filter(|(ordinal, _)| ordinals.contains(ordinal));
        found.extend(wanted.map(|(_, hash)| u128::from_le_bytes(*hash)));
    }
    if found.len() as u64 != ordinals.end - ordinals.start {
        return Err(damaged(MISSING));
    }
    Ok(found)
}

//! What a relay keeps: rows in redb, larger blocks in files of their own.
//!
//! One thread writes. It commits every batch that waits for it at once (group
//! commit), so many writers share one fsync; each is answered after it. Reads
//! run beside it on their own snapshot.
//!
//! A block file is written and fsynced under a name that is never used again,
//! its directory is fsynced, and only then the row that names it is committed.
//! Deleting goes the other way: row first, file after that commit. So a crash
//! between any two steps leaves at worst a file without a row, and the sweep at
//! start removes those.
//!
//! A disk that is nearly full refuses what would fill it, before anything of it is written; an error of
//! the disk in spite of that is one refusal, not the end of the store.

mod blocks;
mod database;
mod room;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError, Table};
use redb::{ReadableDatabase, TableDefinition};

use blocks::{BLOCKS, BlockFiles, Place};
use database::Rows;
use room::Room;
use writer::Writer;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn of_io(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => failed(error),
    }
}

/// The store of one relay. Clones share it.
#[derive(Clone)]
pub struct Store {
    rows: Arc<Rows>,
    files: Arc<BlockFiles>,
    writer: Writer,
}

impl Store {
    /// Opens the store in `directory`, or makes one, and removes what a crash left over.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_in(directory, Some(Room::new(directory.to_owned())))
    }

    /// Without a `room`, the disk itself says when it is full.
    fn open_in(directory: &Path, room: Option<Room>) -> Result<Self, StoreError> {
        let blocks: PathBuf = directory.join("blocks");
        std::fs::create_dir_all(&blocks).map_err(of_io)?;
        let rows = Arc::new(Rows::open(directory.join("mimei.redb"))?);
        let files = Arc::new(BlockFiles::open(blocks).map_err(failed)?);
        rows.with(|database| files.sweep(database).map_err(|error| rows.judge(error)))?;
        let writer = Writer::start(rows.clone(), files.clone(), room).map_err(failed)?;
        Ok(Self { rows, files, writer })
    }

    /// A row's value.
    pub fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.with(|database| {
            let read = database.begin_read().map_err(|error| self.rows.judge(error))?;
            let table = read.open_table(definition(key.table)).map_err(|error| self.rows.judge(error))?;
            let value = table.get(key.key.as_slice()).map_err(|error| self.rows.judge(error))?;
            Ok(value.map(|value| value.value().to_vec()))
        })
    }

    /// Rows in the order of their keys.
    pub fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        use std::ops::Bound;
        let from = match &scan.after {
            Some(after) if after.as_slice() >= scan.prefix.as_slice() => Bound::Excluded(after.as_slice()),
            _ => Bound::Included(scan.prefix.as_slice()),
        };
        self.rows.with(|database| {
            let read = database.begin_read().map_err(|error| self.rows.judge(error))?;
            let table = read.open_table(definition(scan.table)).map_err(|error| self.rows.judge(error))?;
            let mut rows = Vec::new();
            let range = table.range::<&[u8]>((from, Bound::Unbounded)).map_err(|error| self.rows.judge(error))?;
            for row in range {
                let (key, value) = row.map_err(|error| self.rows.judge(error))?;
                if rows.len() >= scan.limit || !key.value().starts_with(&scan.prefix) {
                    break;
                }
                rows.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(rows)
        })
    }

    /// A block's bytes.
    pub fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.with(|database| {
            let read = database.begin_read().map_err(|error| self.rows.judge(error))?;
            let table = read.open_table(BLOCKS).map_err(|error| self.rows.judge(error))?;
            let value = table.get(cid.to_bytes().as_slice()).map_err(|error| self.rows.judge(error))?;
            let Some(value) = value else { return Ok(None) };
            match Place::decode(value.value()).ok_or_else(|| failed("a damaged block row"))? {
                Place::Inline(bytes) => Ok(Some(bytes.to_vec())),
                Place::File { name, .. } => self.files.read(name).map(Some).map_err(failed),
            }
        })
    }

    /// Changes the store; done when the change survives the loss of power.
    pub async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.writer.apply(batch).await
    }

    /// The same for callers that may wait: start-up, before anything else runs.
    pub fn apply_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        self.writer.apply_blocking(batch)
    }
}

#[cfg(test)]
mod tests;

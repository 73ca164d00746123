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

mod blocks;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError, Table};
use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition};

use blocks::{BLOCKS, BlockFiles, Place};
use writer::Writer;

/// Rows that are kept in memory, in bytes. redb would take a gigabyte, which a small computer does not have; the rows of
/// a hundred thousand blocks fit into this, and what does not fit the system caches.
const ROWS_CACHE_BYTES: usize = 32 << 20;

type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Rows {
    TableDefinition::new(table.name())
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// The store of one relay. Clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    files: Arc<BlockFiles>,
    writer: Writer,
}

impl Store {
    /// Opens the store in `directory`, or makes one, and removes what a crash left over.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let blocks: PathBuf = directory.join("blocks");
        std::fs::create_dir_all(&blocks).map_err(failed)?;
        let created = Database::builder().set_cache_size(ROWS_CACHE_BYTES).create(directory.join("mimei.redb"));
        let database = created.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                failed("another mimei works with this data directory; stop it first, or name another with --data")
            }
            other => failed(other),
        })?;
        create_tables(&database).map_err(failed)?;
        let database = Arc::new(database);
        let files = Arc::new(BlockFiles::open(blocks).map_err(failed)?);
        files.sweep(&database).map_err(failed)?;
        let writer = Writer::start(database.clone(), files.clone()).map_err(failed)?;
        Ok(Self { database, files, writer })
    }

    /// A row's value.
    pub fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().map_err(failed)?;
        let table = read.open_table(definition(key.table)).map_err(failed)?;
        let value = table.get(key.key.as_slice()).map_err(failed)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    /// Rows in the order of their keys.
    pub fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        use std::ops::Bound;
        let read = self.database.begin_read().map_err(failed)?;
        let table = read.open_table(definition(scan.table)).map_err(failed)?;
        let from = match &scan.after {
            Some(after) if after.as_slice() >= scan.prefix.as_slice() => Bound::Excluded(after.as_slice()),
            _ => Bound::Included(scan.prefix.as_slice()),
        };
        let mut rows = Vec::new();
        for row in table.range::<&[u8]>((from, Bound::Unbounded)).map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            if rows.len() >= scan.limit || !key.value().starts_with(&scan.prefix) {
                break;
            }
            rows.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(rows)
    }

    /// A block's bytes.
    pub fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().map_err(failed)?;
        let table = read.open_table(BLOCKS).map_err(failed)?;
        let Some(value) = table.get(cid.to_bytes().as_slice()).map_err(failed)? else { return Ok(None) };
        match Place::decode(value.value()).ok_or_else(|| failed("a damaged block row"))? {
            Place::Inline(bytes) => Ok(Some(bytes.to_vec())),
            Place::File { name, .. } => self.files.read(name).map(Some).map_err(failed),
        }
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

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    for table in Table::ALL {
        write.open_table(definition(*table))?;
    }
    write.open_table(BLOCKS)?;
    write.commit()?;
    Ok(())
}

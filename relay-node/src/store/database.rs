//! The database, opened anew when it must be.
//!
//! After one failed read or write redb refuses everything until it is opened again
//! (`StorageError::PreviousIo`), reads as well. A disk that was full for a moment would so end a relay
//! that could go on. So each error of the disk is noted here, and whoever comes next opens the file anew:
//! it then holds what was committed last.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use mimei_core::store::{StoreError, Table};
use redb::{Database, DatabaseError, ReadableDatabase, TableHandle};

use super::blocks::BLOCKS;
use super::{definition, failed, of_io};

/// Rows that are kept in memory, in bytes. redb would take a gigabyte, which a small computer does not have; the rows of
/// a hundred thousand blocks fit into this, and what does not fit the system caches.
const CACHE_BYTES: usize = 32 << 20;

pub(super) struct Rows {
    path: PathBuf,
    /// None while it could not be opened again.
    database: RwLock<Option<Database>>,
    is_broken: AtomicBool,
}

impl Rows {
    /// Opens the database, or makes one.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let rows = Self { path, database: RwLock::new(None), is_broken: AtomicBool::new(false) };
        let database = rows.database()?;
        Ok(Self { database: RwLock::new(Some(database)), ..rows })
    }

    /// Works with the database. No snapshot outlives the work, so it can be closed after it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_broken.load(Ordering::Acquire) {
            self.open_again()?;
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        work(database.as_ref().ok_or_else(|| failed("the database is not open; see the relay's log"))?)
    }

    /// What an error of the database means, noting if nothing goes on after it.
    pub(super) fn judge(&self, error: impl Into<redb::Error>) -> StoreError {
        let error = error.into();
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
            self.is_broken.store(true, Ordering::Release);
        }
        match error {
            redb::Error::Io(error) => of_io(error),
            other => failed(other),
        }
    }

    fn open_again(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if !self.is_broken.load(Ordering::Acquire) {
            return Ok(());
        }
        // Its lock on the file must go first.
        *database = None;
        *database = Some(self.database()?);
        self.is_broken.store(false, Ordering::Release);
        tracing::warn!("the database failed and was opened again; everything acknowledged is in it");
        Ok(())
    }

    fn database(&self) -> Result<Database, StoreError> {
        let created = Database::builder().set_cache_size(CACHE_BYTES).create(&self.path);
        let database = created.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                failed("another mimei works with this data directory; stop it first, or name another with --data")
            }
            other => self.judge(other),
        })?;
        self.create_tables(&database)?;
        Ok(database)
    }

    /// Makes the tables that are missing. Where none is, nothing is written: a relay also starts on a full disk.
    fn create_tables(&self, database: &Database) -> Result<(), StoreError> {
        let read = database.begin_read().map_err(|error| self.judge(error))?;
        let names = read.list_tables().map_err(|error| self.judge(error))?;
        let known: HashSet<String> = names.map(|table| table.name().to_owned()).collect();
        let wanted = Table::ALL.iter().map(|table| definition(*table)).chain([BLOCKS]);
        let missing: Vec<_> = wanted.filter(|table| !known.contains(table.name())).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let write = database.begin_write().map_err(|error| self.judge(error))?;
        for table in missing {
            write.open_table(table).map_err(|error| self.judge(error))?;
        }
        write.commit().map_err(|error| self.judge(error))
    }
}

//! Rows and blocks in the browser, or in memory.
//!
//! Large blocks lie in a file, everything else in IndexedDB. Each table is an object store with binary keys, which IndexedDB compares
//! byte by byte as our contract wants. A batch is one transaction; it commits
//! with strict durability where the batch asks for it.
//!
//! It is public for the conformance suite, which runs it in a browser.

mod file;
mod group;
mod indexed;
mod requests;

use std::cell::RefCell;
use std::rc::Rc;

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, MemoryStore, Row, RowKey, Scan, StoreError};
use web_sys::{CryptoKey, DomException};

use indexed::IndexedStore;

fn failed(error: impl ToString) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn is_full(error: &DomException) -> bool {
    error.name() == "QuotaExceededError"
}

/// The store of one tab. Clones share it.
#[derive(Clone)]
pub struct Store(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Rc<RefCell<MemoryStore>>),
    Indexed(Rc<IndexedStore>),
}

impl Store {
    /// Opens the database of that name; an empty name is memory alone. Blocks take at most `budget` bytes, but for
    /// what no relay has yet; without a budget none ever goes by itself.
    pub async fn open(name: &str, budget: Option<u64>) -> Result<Self, StoreError> {
        if name.is_empty() {
            return Ok(Self(Kind::Memory(Rc::default())));
        }
        Ok(Self(Kind::Indexed(Rc::new(IndexedStore::open(name, budget).await?))))
    }

    /// A row's value.
    pub async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.0 {
            Kind::Memory(store) => Ok(store.borrow().row(key)),
            Kind::Indexed(store) => store.row(key).await,
        }
    }

    /// Rows in the order of their keys.
    pub async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        match &self.0 {
            Kind::Memory(store) => Ok(store.borrow().scan(scan)),
            Kind::Indexed(store) => store.scan(scan).await,
        }
    }

    /// A block's bytes.
    pub async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.0 {
            Kind::Memory(store) => Ok(store.borrow().block(cid)),
            Kind::Indexed(store) => store.block(cid).await,
        }
    }

    /// Changes the store, whole or not at all.
    pub async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Memory(store) => store.borrow_mut().apply(batch),
            Kind::Indexed(store) => store.apply(batch).await,
        }
    }

    /// A key that the browser keeps and never shows; memory has none.
    pub(crate) async fn wrapping_key(&self, name: &[u8]) -> Result<Option<CryptoKey>, StoreError> {
        match &self.0 {
            Kind::Memory(_) => Ok(None),
            Kind::Indexed(store) => store.wrapping_key(name).await,
        }
    }

    /// Keeps such a key.
    pub(crate) async fn put_wrapping_key(&self, name: &[u8], key: &CryptoKey) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Memory(_) => Ok(()),
            Kind::Indexed(store) => store.put_wrapping_key(name, key).await,
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.0, Kind::Memory(_))
    }
}

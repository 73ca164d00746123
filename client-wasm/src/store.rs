//! Rows and blocks in IndexedDB, or in memory.
//!
//! Each table is an object store with binary keys, which IndexedDB compares
//! byte by byte as our contract wants. A batch is one transaction; it commits
//! with strict durability where the batch asks for it.

mod indexed;

use std::cell::RefCell;
use std::rc::Rc;

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, MemoryStore, Row, RowKey, Scan, StoreError};
use web_sys::CryptoKey;

use indexed::IndexedStore;

/// The store of one tab. Clones share it.
#[derive(Clone)]
pub(crate) enum Store {
    Memory(Rc<RefCell<MemoryStore>>),
    Indexed(Rc<IndexedStore>),
}

impl Store {
    /// Opens the database of that name; an empty name is memory alone.
    pub(crate) async fn open(name: &str) -> Result<Self, StoreError> {
        if name.is_empty() {
            return Ok(Self::Memory(Rc::default()));
        }
        Ok(Self::Indexed(Rc::new(IndexedStore::open(name).await?)))
    }

    pub(crate) async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.borrow().row(key)),
            Self::Indexed(store) => store.row(key).await,
        }
    }

    pub(crate) async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.borrow().scan(scan)),
            Self::Indexed(store) => store.scan(scan).await,
        }
    }

    pub(crate) async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.borrow().block(cid)),
            Self::Indexed(store) => store.block(cid).await,
        }
    }

    pub(crate) async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.borrow_mut().apply(batch),
            Self::Indexed(store) => store.apply(batch).await,
        }
    }

    /// A key that the browser keeps and never shows; memory has none.
    pub(crate) async fn wrapping_key(&self, name: &[u8]) -> Result<Option<CryptoKey>, StoreError> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::Indexed(store) => store.wrapping_key(name).await,
        }
    }

    /// Keeps such a key.
    pub(crate) async fn put_wrapping_key(&self, name: &[u8], key: &CryptoKey) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Indexed(store) => store.put_wrapping_key(name, key).await,
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }
}

use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use indexed_db_futures::database::Database;
use indexed_db_futures::internals::SystemRepr;
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions};
use mimei_core::cbor::Cbor;
use mimei_core::cid::Cid;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError, Table};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::CryptoKey;

use super::failed;
use super::file::{BlockFile, Written};
use super::requests::{bytes, commit, delete, js, of_error, of_open, put, range_of};
use crate::cache::extents::Extent;
use crate::cache::lru::{LARGE_BYTES_MIN, Lru, Use};

/// Raised when a table is added; each version only adds tables.
const VERSION: u32 = 5;
const _: () = assert!(Table::ALL.len() == 27, "tables were added: raise the version, or old databases lack them");
const BLOCKS: &str = "block/1";
/// Where large blocks lie in the file: offset (8), bytes (8).
const PLACES: &str = "place/1";
/// When each block was used last: its bytes (8), then a number that rises (8).
const USES: &str = "use/1";
/// A cache that is too full is emptied to this many tenths, so that not each block has to make room.
const KEPT_TENTHS: u64 = 9;
/// Blocks that one transaction deletes, but for those of a batch.
const DELETED_AT_ONCE_MAX: usize = 1024;
/// Uses that wait to be written with the next change; what is lost of them makes the order less exact.
const USES_UNWRITTEN_MAX: usize = 4096;
/// Keys of the browser's crypto, by name. They can be used and not read.
const CRYPTO: &str = "crypto/1";

pub(crate) struct IndexedStore {
    database: Database,
    /// Large blocks; where the browser has no such files, they are rows as all others.
    file: Option<Rc<BlockFile>>,
    /// Bytes that blocks may take; none if none ever goes by itself.
    budget: Option<u64>,
    lru: RefCell<Lru>,
    /// Bytes above which there may be something to evict again: when nothing but unsent blocks is left, not each
    /// of a large upload has to find that out.
    worth_it_above: Cell<u64>,
    /// Blocks that were read since their use was written.
    read: RefCell<BTreeSet<Cid>>,
}

impl Drop for IndexedStore {
    fn drop(&mut self) {
        // A connection that stays open until it is collected keeps others from a newer version.
        self.database.as_sys().close();
    }
}

impl IndexedStore {
    pub(super) async fn open(name: &str, budget: Option<u64>) -> Result<Self, StoreError> {
        let database = Database::open(name)
            .with_version(VERSION)
            .with_on_upgrade_needed(|_, database| {
                let present: Vec<String> = database.object_store_names().collect();
                for name in Table::ALL.iter().map(|table| table.name()).chain([BLOCKS, PLACES, USES, CRYPTO]) {
                    if !present.iter().any(|found| found == name) {
                        database.create_object_store(name).build()?;
                    }
                }
                Ok(())
            })
            .await
            .map_err(of_open)?;
        let (file, lru, worth_it_above, read) = Default::default();
        let mut store = Self { database, file, budget, lru, worth_it_above, read };
        store.file = BlockFile::open(name, async || store.places().await).await?;
        store.forget_lost().await?;
        store.lru = RefCell::new(store.load_uses().await?);
        Ok(store)
    }

    /// Where large blocks lie, as it was kept.
    async fn places(&self) -> Result<Vec<(Cid, Extent)>, StoreError> {
        Ok(self.pairs(PLACES).await?.into_iter().filter_map(|(key, value)| read_place(&key, &value)).collect())
    }

    /// Deletes the rows of blocks that the file turned out not to have.
    async fn forget_lost(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let lost: Vec<Cid> = self.places().await?.iter().map(|(cid, _)| *cid).filter(|cid| !file.has(cid)).collect();
        self.delete_blocks(&lost).await
    }

    /// The cache as it was left. Blocks of a time when their use was not kept count as used before all others.
    async fn load_uses(&self) -> Result<Lru, StoreError> {
        let kept = self.pairs(USES).await?;
        let mut uses: BTreeMap<Cid, Use> = kept.into_iter().filter_map(|(key, value)| read_use(&key, &value)).collect();
        for key in self.keys(BLOCKS).await? {
            let Ok(cid) = Cid::from_bytes(&key) else { continue };
            if let Entry::Vacant(vacant) = uses.entry(cid)
                && let Some(block) = self.get(BLOCKS, &key).await?
            {
                vacant.insert(Use { bytes: bytes(block).len() as u64, at: 0 });
            }
        }
        for (cid, extent) in self.file.iter().flat_map(|file| file.places()) {
            uses.entry(cid).or_insert(Use { bytes: extent.bytes, at: 0 });
        }
        Ok(Lru::of(uses))
    }

    pub(super) async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(key.table.name(), &key.key).await.map(|value| value.map(bytes))
    }

    pub(super) async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        let block = match self.file.as_ref().filter(|file| file.has(cid)) {
            Some(file) => file.block(cid)?,
            None => self.get(BLOCKS, &cid.to_bytes()).await?.map(bytes),
        };
        if block.is_none() {
            self.forget(cid);
        }
        if block.is_some() && self.lru.borrow_mut().touch(cid).is_some() {
            let mut read = self.read.borrow_mut();
            if read.len() < USES_UNWRITTEN_MAX {
                read.insert(*cid);
            }
        }
        Ok(block)
    }

    /// A block that is not there, or is damaged. Its row is overwritten by the next put, or found out again.
    fn forget(&self, cid: &Cid) {
        self.lru.borrow_mut().remove(cid);
        self.remove_from_file(&[*cid]);
    }

    pub(super) async fn wrapping_key(&self, name: &[u8]) -> Result<Option<CryptoKey>, StoreError> {
        let value = self.get(CRYPTO, name).await?;
        value.map(|value| value.dyn_into().map_err(|_| failed("the wrapping key is damaged"))).transpose()
    }

    pub(super) async fn put_wrapping_key(&self, name: &[u8], key: &CryptoKey) -> Result<(), StoreError> {
        let transaction = self.write(&[CRYPTO], true)?;
        let store = transaction.object_store(CRYPTO).map_err(of_error)?;
        store.put(JsValue::from(key)).with_key(js(name)).without_key_type().build().map_err(of_error)?;
        commit(transaction).await
    }

    pub(super) async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        let name = scan.table.name();
        // To IndexedDB a limit of 0 is none, and a range without room is an error.
        let Some(range) = range_of(scan).filter(|_| scan.limit > 0) else { return Ok(Vec::new()) };
        let transaction = self.database.transaction(name).build().map_err(of_error)?;
        let store = transaction.object_store(name).map_err(of_error)?;
        let limit = u32::try_from(scan.limit).unwrap_or(u32::MAX);
        // Both requests are in one transaction, so they see the same rows.
        let keys =
            store.get_all_keys::<JsValue>().with_query::<JsValue, _>(range.clone()).with_limit(limit).primitive();
        let values = store.get_all::<JsValue>().with_query::<JsValue, _>(range).with_limit(limit).primitive();
        let keys = keys.map_err(of_error)?.await.map_err(of_error)?;
        let values = values.map_err(of_error)?.await.map_err(of_error)?;
        let mut rows = Vec::new();
        for (key, value) in keys.zip(values) {
            rows.push((bytes(key.map_err(of_error)?), bytes(value.map_err(of_error)?)));
        }
        Ok(rows)
    }

    pub(super) async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        // Counted before anything is waited for, so that several changes at once do not each see room.
        let uses = self.count(&batch);
        if let Some(budget) = self.budget.filter(|budget| !uses.is_empty() && self.is_beyond(*budget)) {
            let left = budget / 10 * KEPT_TENTHS;
            self.make_room(left, &uses).await?;
            let bytes = self.lru.borrow().bytes();
            self.worth_it_above.set(if bytes > budget { bytes + (budget - left) } else { 0 });
        }
        let applied = match self.try_apply(&batch, &uses).await {
            // The browser has less room than the budget: a part of the cache is worth less than the change.
            Err(StoreError::Full) if self.budget.is_some() => {
                let half = self.lru.borrow().bytes() / 2;
                match self.make_room(half, &uses).await? {
                    0 => Err(StoreError::Full),
                    _ => self.try_apply(&batch, &uses).await,
                }
            }
            done => done,
        };
        let mut lru = self.lru.borrow_mut();
        let gone = if applied.is_ok() { batch.delete_blocks } else { uses.into_keys().collect() };
        gone.iter().for_each(|cid| lru.remove(cid));
        applied
    }

    fn is_beyond(&self, budget: u64) -> bool {
        self.lru.borrow().bytes() > budget.max(self.worth_it_above.get())
    }

    fn count(&self, batch: &Batch) -> BTreeMap<Cid, Use> {
        let mut lru = self.lru.borrow_mut();
        batch.put_blocks.iter().map(|(cid, block)| (*cid, lru.insert(*cid, block.len() as u64))).collect()
    }

    async fn try_apply(&self, batch: &Batch, uses: &BTreeMap<Cid, Use>) -> Result<(), StoreError> {
        let (large, small): (Vec<_>, Vec<_>) = batch.put_blocks.iter().partition(|(_, block)| self.is_for_file(block));
        let mut names: Vec<&str> = Vec::new();
        names.extend(batch.expect.iter().map(|(key, _)| key.table.name()));
        names.extend(batch.put.iter().map(|(key, _)| key.table.name()));
        names.extend(batch.delete.iter().map(|key| key.table.name()));
        // Only what is needed: whoever reads a small block need not wait for those who write large ones.
        names.extend((!batch.delete_blocks.is_empty() || !small.is_empty()).then_some(BLOCKS));
        names.extend((!batch.delete_blocks.is_empty() || !large.is_empty()).then_some(PLACES));
        let has_blocks = !batch.put_blocks.is_empty() || !batch.delete_blocks.is_empty();
        names.extend(has_blocks.then_some(USES));
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let written = self.write_file(large, batch.strict)?;
        let transaction = self.write(&names, batch.strict)?;
        for (key, expected) in &batch.expect {
            let store = transaction.object_store(key.table.name()).map_err(of_error)?;
            let found: Option<JsValue> =
                store.get(js(&key.key)).primitive().map_err(of_error)?.await.map_err(of_error)?;
            if found.map(bytes) != *expected {
                // A transaction that is dropped is rolled back.
                return Err(StoreError::Conflict);
            }
        }
        change_rows(&transaction, batch)?;
        change_blocks(&transaction, &small, written.as_ref(), &batch.delete_blocks)?;
        if has_blocks {
            self.note_uses(&transaction, batch, uses)?;
        }
        commit(transaction).await?;
        written.into_iter().for_each(Written::keep);
        self.remove_from_file(&batch.delete_blocks);
        Ok(())
    }

    fn is_for_file(&self, block: &[u8]) -> bool {
        self.file.is_some() && block.len() as u64 >= LARGE_BYTES_MIN
    }

    /// Writes large blocks. What was written before a strict change is as safe as the change, so it is waited for.
    fn write_file(&self, large: Vec<&(Cid, Vec<u8>)>, strict: bool) -> Result<Option<Written<'_>>, StoreError> {
        let Some(file) = &self.file else { return Ok(None) };
        let written = file.write(large)?;
        if strict {
            file.flush()?;
        }
        Ok(Some(written))
    }

    fn remove_from_file(&self, gone: &[Cid]) {
        if let Some(file) = &self.file {
            gone.iter().for_each(|cid| file.remove(cid));
        }
    }

    /// Deletes blocks and what is noted of them.
    async fn delete_blocks(&self, gone: &[Cid]) -> Result<(), StoreError> {
        for gone in gone.chunks(DELETED_AT_ONCE_MAX) {
            let transaction = self.begin(&[BLOCKS, PLACES, USES], false)?;
            change_blocks(&transaction, &[], None, gone)?;
            delete(&transaction, USES, gone)?;
            commit(transaction).await?;
            self.remove_from_file(gone);
            let mut lru = self.lru.borrow_mut();
            gone.iter().for_each(|cid| lru.remove(cid));
        }
        Ok(())
    }

    /// Writes when blocks were used: those of this change, and those that were read before it.
    fn note_uses(
        &self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        uses: &BTreeMap<Cid, Use>,
    ) -> Result<(), StoreError> {
        let lru = self.lru.borrow();
        let read: Vec<(Cid, Use)> = self.read.take().iter().filter_map(|cid| Some((*cid, lru.get(cid)?))).collect();
        let uses = read.into_iter().chain(uses.iter().map(|(cid, used)| (*cid, *used)));
        for (cid, used) in uses {
            let value = [used.bytes.to_be_bytes(), used.at.to_be_bytes()].concat();
            put(transaction, USES, &cid.to_bytes(), &value)?;
        }
        delete(transaction, USES, &batch.delete_blocks)
    }

    /// Evicts the least recently used blocks until no more than `bytes` are left, but for what no relay has yet;
    /// says how many. A block that is gone is fetched again when it is needed.
    async fn make_room(&self, bytes: u64, coming: &BTreeMap<Cid, Use>) -> Result<usize, StoreError> {
        let unsent = self.pairs(Table::Outbox.name()).await?;
        let unsent = unsent.iter().filter_map(|(_, cid)| Cid::from_cbor(cid).ok());
        let pinned: BTreeSet<Cid> = unsent.chain(coming.keys().copied()).collect();
        let victims = self.lru.borrow().beyond(bytes, &pinned);
        self.delete_blocks(&victims).await?;
        Ok(victims.len())
    }

    /// All keys of an object store.
    async fn keys(&self, name: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let transaction = self.database.transaction(name).build().map_err(of_error)?;
        let store = transaction.object_store(name).map_err(of_error)?;
        let keys = store.get_all_keys::<JsValue>().primitive().map_err(of_error)?.await.map_err(of_error)?;
        keys.map(|key| key.map(bytes).map_err(of_error)).collect()
    }

    /// All keys and values of an object store of small ones.
    async fn pairs(&self, name: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let transaction = self.database.transaction(name).build().map_err(of_error)?;
        let store = transaction.object_store(name).map_err(of_error)?;
        let keys = store.get_all_keys::<JsValue>().primitive().map_err(of_error)?;
        let values = store.get_all::<JsValue>().primitive().map_err(of_error)?;
        let keys = keys.await.map_err(of_error)?;
        let values = values.await.map_err(of_error)?;
        keys.zip(values)
            .map(|(key, value)| Ok((bytes(key.map_err(of_error)?), bytes(value.map_err(of_error)?))))
            .collect()
    }

    async fn get(&self, name: &str, key: &[u8]) -> Result<Option<JsValue>, StoreError> {
        let transaction = self.database.transaction(name).build().map_err(of_error)?;
        let store = transaction.object_store(name).map_err(of_error)?;
        store.get(js(key)).primitive().map_err(of_error)?.await.map_err(of_error)
    }

    /// Firefox lets the first transaction after one without room delete, and nothing else.
    fn write(&self, names: &[&str], strict: bool) -> Result<Transaction<'_>, StoreError> {
        let transaction = self.begin(names, strict)?;
        if transaction.mode() != TransactionMode::Cleanup {
            return Ok(transaction);
        }
        drop(transaction);
        self.begin(names, strict)
    }

    fn begin(&self, names: &[&str], strict: bool) -> Result<Transaction<'_>, StoreError> {
        let durability = if strict { TransactionDurability::Strict } else { TransactionDurability::Relaxed };
        self.database
            .transaction(names)
            .with_mode(TransactionMode::Readwrite)
            .with_options(TransactionOptions::new().with_durability(durability))
            .build()
            .map_err(of_error)
    }
}

fn read_use(key: &[u8], value: &[u8]) -> Option<(Cid, Use)> {
    let number = |part: &[u8]| part.try_into().ok().map(u64::from_be_bytes);
    let (bytes, at) = value.split_at_checked(8)?;
    Some((Cid::from_bytes(key).ok()?, Use { bytes: number(bytes)?, at: number(at)? }))
}

fn read_place(key: &[u8], value: &[u8]) -> Option<(Cid, Extent)> {
    let number = |part: &[u8]| part.try_into().ok().map(u64::from_be_bytes);
    let (offset, bytes) = value.split_at_checked(8)?;
    Some((Cid::from_bytes(key).ok()?, Extent { offset: number(offset)?, bytes: number(bytes)? }))
}

fn change_rows(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    for (key, value) in &batch.put {
        put(transaction, key.table.name(), &key.key, value)?;
    }
    for key in &batch.delete {
        let store = transaction.object_store(key.table.name()).map_err(of_error)?;
        store.delete(js(&key.key)).build().map_err(of_error)?;
    }
    Ok(())
}

fn change_blocks(
    transaction: &Transaction<'_>,
    small: &[&(Cid, Vec<u8>)],
    written: Option<&Written<'_>>,
    gone: &[Cid],
) -> Result<(), StoreError> {
    for (cid, block) in small {
        put(transaction, BLOCKS, &cid.to_bytes(), block)?;
    }
    for (cid, extent) in written.iter().flat_map(|written| written.places()) {
        let place = [extent.offset.to_be_bytes(), extent.bytes.to_be_bytes()].concat();
        put(transaction, PLACES, &cid.to_bytes(), &place)?;
    }
    delete(transaction, BLOCKS, gone)?;
    delete(transaction, PLACES, gone)
}

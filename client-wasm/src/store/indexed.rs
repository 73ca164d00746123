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
use super::group::Group;
use super::requests::{bytes, commit, delete, js, of_error, of_open, put, range_of};
use crate::cache::changes::Changes;
use crate::cache::extents::Extent;
use crate::cache::lru::{LARGE_BYTES_MIN, Lru, Use};

/// Raised when a table is added; each version only adds tables.
const VERSION: u32 = 5;
const _: () = assert!(Table::ALL.len() == 27, "tables were added: raise the version, or old databases lack them");
const BLOCKS: &str = "block/1";
/// Where large blocks lie in the file: offset (8), bytes (8); and behind these a number that rises with each use (8).
const PLACES: &str = "place/1";
/// When each small block was used last: its bytes (8), then that number (8).
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
    group: Group,
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
        let (file, lru, worth_it_above, read, group) = Default::default();
        let mut store = Self { database, file, budget, lru, worth_it_above, read, group };
        let extents = async || Ok(store.places().await?.into_iter().map(|(cid, extent, _)| (cid, extent)).collect());
        store.file = BlockFile::open(name, extents).await?;
        store.forget_lost().await?;
        store.lru = RefCell::new(store.load_uses().await?);
        Ok(store)
    }

    /// Where large blocks lie and when they were used last, as it was kept.
    async fn places(&self) -> Result<Vec<(Cid, Extent, u64)>, StoreError> {
        Ok(self.pairs(PLACES).await?.into_iter().filter_map(|(key, value)| read_place(&key, &value)).collect())
    }

    /// Deletes the rows of blocks that the file turned out not to have.
    async fn forget_lost(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let lost: Vec<Cid> = self.places().await?.iter().map(|(cid, ..)| *cid).filter(|cid| !file.has(cid)).collect();
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
        for (cid, Extent { bytes, .. }, at) in self.places().await? {
            let used = uses.entry(cid).or_insert(Use { bytes, at });
            used.at = used.at.max(at);
        }
        Ok(Lru::of(uses))
    }

    pub(super) fn group(&self) -> &Group {
        &self.group
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

    /// Changes that come while one is being written share the next transaction.
    pub(super) async fn apply(self: &Rc<Self>, batch: Batch) -> Result<(), StoreError> {
        self.group.apply(batch, self).await
    }

    /// Makes several changes, one behind the other, and says of each whether its expectations held. All are made of
    /// which they hold, or none.
    pub(super) async fn apply_all(&self, batches: &[Batch]) -> Result<Vec<bool>, StoreError> {
        let uses = self.count(batches);
        if let Some(budget) = self.budget.filter(|budget| !uses.is_empty() && self.is_beyond(*budget)) {
            let left = budget / 10 * KEPT_TENTHS;
            self.make_room(left, &uses).await?;
            let bytes = self.lru.borrow().bytes();
            self.worth_it_above.set(if bytes > budget { bytes + (budget - left) } else { 0 });
        }
        let applied = match self.try_apply(batches, &uses).await {
            // The browser has less room than the budget: a part of the cache is worth less than the change.
            Err(StoreError::Full) if self.budget.is_some() => {
                let half = self.lru.borrow().bytes() / 2;
                match self.make_room(half, &uses).await? {
                    0 => Err(StoreError::Full),
                    _ => self.try_apply(batches, &uses).await,
                }
            }
            done => done,
        };
        let held: &[bool] = applied.as_deref().unwrap_or_default();
        let mut gone: BTreeSet<&Cid> = uses.keys().collect();
        for (batch, _) in batches.iter().zip(held).filter(|(_, held)| **held) {
            gone.retain(|gone| batch.put_blocks.iter().all(|(cid, _)| cid != *gone));
            gone.extend(&batch.delete_blocks);
        }
        let mut lru = self.lru.borrow_mut();
        gone.into_iter().for_each(|cid| lru.remove(cid));
        applied
    }

    fn is_beyond(&self, budget: u64) -> bool {
        self.lru.borrow().bytes() > budget.max(self.worth_it_above.get())
    }

    fn count(&self, batches: &[Batch]) -> BTreeMap<Cid, Use> {
        let mut lru = self.lru.borrow_mut();
        let blocks = batches.iter().flat_map(|batch| &batch.put_blocks);
        blocks.map(|(cid, block)| (*cid, lru.insert(*cid, block.len() as u64))).collect()
    }

    async fn try_apply(&self, batches: &[Batch], uses: &BTreeMap<Cid, Use>) -> Result<Vec<bool>, StoreError> {
        let names = self.names(batches);
        if names.is_empty() {
            return Ok(batches.iter().map(|_| true).collect());
        }
        let strict = batches.iter().any(|batch| batch.strict);
        let transaction = self.write(&names, strict)?;
        let (mut changes, mut held) = (Changes::default(), Vec::new());
        for batch in batches {
            let holds = holds(&transaction, &changes, batch).await?;
            if holds {
                changes.add(batch);
            }
            held.push(holds);
        }
        if !held.contains(&true) {
            // A transaction that is dropped is rolled back.
            return Ok(held);
        }
        let (large, small): (Vec<_>, Vec<_>) = changes.blocks.iter().partition(|(_, block)| self.is_for_file(block));
        let written = self.write_file(large, strict)?;
        change_rows(&transaction, &changes)?;
        for (cid, block) in small {
            put(&transaction, BLOCKS, &cid.to_bytes(), block)?;
            uses.get(cid).map_or(Ok(()), |used| put_use(&transaction, cid, *used))?;
        }
        for (cid, extent) in written.iter().flat_map(Written::places) {
            uses.get(cid).map_or(Ok(()), |used| put_place(&transaction, cid, *extent, used.at))?;
        }
        if !uses.is_empty() || !changes.gone.is_empty() {
            self.note_reads(&transaction)?;
        }
        let gone: Vec<Cid> = changes.gone.iter().map(|cid| **cid).collect();
        delete_all(&transaction, &gone)?;
        commit(transaction).await?;
        written.into_iter().for_each(Written::keep);
        self.remove_from_file(&gone);
        Ok(held)
    }

    /// The object stores that these changes are about. Only what is needed: whoever reads a small block need not
    /// wait for those who write large ones.
    fn names(&self, batches: &[Batch]) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for batch in batches {
            names.extend(batch.expect.iter().map(|(key, _)| key.table.name()));
            names.extend(batch.put.iter().map(|(key, _)| key.table.name()));
            names.extend(batch.delete.iter().map(|key| key.table.name()));
            let is_any_small = batch.put_blocks.iter().any(|(_, block)| !self.is_for_file(block));
            let has_gone = !batch.delete_blocks.is_empty();
            names.extend((is_any_small || has_gone).then_some(BLOCKS));
            names.extend((!batch.put_blocks.is_empty() || has_gone).then_some([PLACES, USES]).into_iter().flatten());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn is_for_file(&self, block: &[u8]) -> bool {
        self.file.is_some() && block.len() as u64 >= LARGE_BYTES_MIN
    }

    /// Writes large blocks. What was written before a strict change is as safe as the change, so it is waited for.
    fn write_file(&self, large: Vec<(&&Cid, &&[u8])>, strict: bool) -> Result<Option<Written<'_>>, StoreError> {
        let Some(file) = &self.file else { return Ok(None) };
        let written = file.write(large.into_iter().map(|(cid, block)| (*cid, *block)))?;
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
            delete_all(&transaction, gone)?;
            commit(transaction).await?;
            self.remove_from_file(gone);
            let mut lru = self.lru.borrow_mut();
            gone.iter().for_each(|cid| lru.remove(cid));
        }
        Ok(())
    }

    /// Writes when blocks were used that were read before this change.
    fn note_reads(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let lru = self.lru.borrow();
        for cid in self.read.take() {
            let Some(used) = lru.get(&cid) else { continue };
            match self.file.as_ref().and_then(|file| file.extent(&cid)) {
                Some(extent) => put_place(transaction, &cid, extent, used.at)?,
                None => put_use(transaction, &cid, used)?,
            }
        }
        Ok(())
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
    let [bytes, at] = numbers(value)?;
    Some((Cid::from_bytes(key).ok()?, Use { bytes, at }))
}

fn put_use(transaction: &Transaction<'_>, cid: &Cid, used: Use) -> Result<(), StoreError> {
    put(transaction, USES, &cid.to_bytes(), &[used.bytes, used.at].map(u64::to_be_bytes).concat())
}

fn read_place(key: &[u8], value: &[u8]) -> Option<(Cid, Extent, u64)> {
    // The use of those that were kept first stands with the small ones.
    let ([offset, bytes], at) = match numbers(value) {
        Some([offset, bytes, at]) => ([offset, bytes], at),
        None => (numbers(value)?, 0),
    };
    Some((Cid::from_bytes(key).ok()?, Extent { offset, bytes }, at))
}

fn put_place(transaction: &Transaction<'_>, cid: &Cid, extent: Extent, at: u64) -> Result<(), StoreError> {
    put(transaction, PLACES, &cid.to_bytes(), &[extent.offset, extent.bytes, at].map(u64::to_be_bytes).concat())
}

/// Exactly so many numbers of eight bytes.
fn numbers<const N: usize>(value: &[u8]) -> Option<[u64; N]> {
    let (numbers, []) = value.as_chunks::<8>() else { return None };
    numbers.iter().map(|number| u64::from_be_bytes(*number)).collect::<Vec<_>>().try_into().ok()
}

/// Whether what a batch expects is so, behind the changes before it.
async fn holds(transaction: &Transaction<'_>, changes: &Changes<'_>, batch: &Batch) -> Result<bool, StoreError> {
    for (key, expected) in &batch.expect {
        let found = match changes.row(key) {
            Some(value) => value.map(<[u8]>::to_vec),
            None => {
                let store = transaction.object_store(key.table.name()).map_err(of_error)?;
                let found: Option<JsValue> =
                    store.get(js(&key.key)).primitive().map_err(of_error)?.await.map_err(of_error)?;
                found.map(bytes)
            }
        };
        if found != *expected {
            return Ok(false);
        }
    }
    Ok(true)
}

fn change_rows(transaction: &Transaction<'_>, changes: &Changes<'_>) -> Result<(), StoreError> {
    for (key, value) in &changes.rows {
        let store = transaction.object_store(key.table.name()).map_err(of_error)?;
        let key = js(&key.key);
        match value {
            Some(value) => drop(store.put(js(value)).with_key(key).without_key_type().build().map_err(of_error)?),
            None => drop(store.delete(key).build().map_err(of_error)?),
        }
    }
    Ok(())
}

fn delete_all(transaction: &Transaction<'_>, gone: &[Cid]) -> Result<(), StoreError> {
    [BLOCKS, PLACES, USES].into_iter().try_for_each(|name| delete(transaction, name, gone))
}

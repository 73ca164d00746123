use std::collections::BTreeMap;

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError};

use crate::random::Random;

#[derive(Clone, Default)]
struct Contents {
    rows: BTreeMap<RowKey, Vec<u8>>,
    blocks: BTreeMap<Cid, Vec<u8>>,
}

impl Contents {
    fn change(&mut self, batch: &Batch) {
        self.rows.extend(batch.put.iter().cloned());
        batch.delete.iter().for_each(|key| drop(self.rows.remove(key)));
        self.blocks.extend(batch.put_blocks.iter().cloned());
        batch.delete_blocks.iter().for_each(|cid| drop(self.blocks.remove(cid)));
    }
}

/// A store in memory that forgets at a crash what it did not promise to keep.
///
/// A strict batch makes itself and everything before it durable. Of the batches
/// behind the last strict one a crash keeps the first few, never a part of one.
#[derive(Default)]
pub struct MemoryStore {
    now: Contents,
    durable: Contents,
    undurable: Vec<Batch>,
}

impl MemoryStore {
    /// The value of a row.
    pub fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        self.now.rows.get(key).cloned()
    }

    /// Rows in the order of their keys.
    pub fn scan(&self, scan: &Scan) -> Vec<Row> {
        let start = scan.after.as_ref().filter(|after| **after > scan.prefix).unwrap_or(&scan.prefix);
        self.now
            .rows
            .range(RowKey::new(scan.table, start.clone())..)
            .take_while(|(key, _)| key.table == scan.table && key.key.starts_with(&scan.prefix))
            .filter(|(key, _)| scan.after.as_ref().is_none_or(|after| key.key > *after))
            .take(scan.limit)
            .map(|(key, value)| (key.key.clone(), value.clone()))
            .collect()
    }

    /// A block.
    pub fn block(&self, cid: &Cid) -> Option<Vec<u8>> {
        self.now.blocks.get(cid).cloned()
    }

    /// Throws all blocks away, as a cache may.
    pub fn forget_blocks(&mut self) {
        for contents in [&mut self.now, &mut self.durable] {
            contents.blocks.clear();
        }
        self.undurable.iter_mut().for_each(|batch| batch.put_blocks.clear());
    }

    /// Everything that is kept, one behind the other: to search for what must not be there.
    pub fn dump(&self) -> Vec<u8> {
        let rows = self.now.rows.iter().flat_map(|(key, value)| [key.key.as_slice(), value]);
        rows.chain(self.now.blocks.values().map(Vec::as_slice)).flatten().copied().collect()
    }

    /// A copy of the disk, as a backup makes one.
    pub fn backup(&self) -> Self {
        Self { now: self.durable.clone(), durable: self.durable.clone(), undurable: Vec::new() }
    }

    /// Takes over what another store has and this one has not: somebody was given a disk.
    pub fn take_over(&mut self, other: &Self) {
        for contents in [&mut self.now, &mut self.durable] {
            for (key, value) in &other.durable.rows {
                contents.rows.entry(key.clone()).or_insert_with(|| value.clone());
            }
            for (cid, bytes) in &other.durable.blocks {
                contents.blocks.entry(*cid).or_insert_with(|| bytes.clone());
            }
        }
    }

    /// Makes all changes of a batch, or none.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.expect.iter().any(|(key, value)| self.now.rows.get(key) != value.as_ref()) {
            return Err(StoreError::Conflict);
        }
        self.now.change(batch);
        self.undurable.push(batch.clone());
        if batch.strict {
            self.undurable.drain(..).for_each(|batch| self.durable.change(&batch));
        }
        Ok(())
    }

    /// Loses power.
    pub fn crash(&mut self, random: &mut Random) {
        let kept = random.within(0..self.undurable.len() as u64 + 1) as usize;
        self.undurable.drain(..).take(kept).for_each(|batch| self.durable.change(&batch));
        self.now = self.durable.clone();
    }
}

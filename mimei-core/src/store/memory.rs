use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::{Batch, Row, RowKey, Scan, StoreError};
use crate::cid::Cid;

/// A store that lasts as long as the program: for tests, and for apps that want nothing kept.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    rows: BTreeMap<RowKey, Vec<u8>>,
    blocks: BTreeMap<Cid, Vec<u8>>,
}

impl MemoryStore {
    /// A row's value.
    pub fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        self.rows.get(key).cloned()
    }

    /// Rows in the order of their keys.
    pub fn scan(&self, scan: &Scan) -> Vec<Row> {
        let prefix = RowKey::new(scan.table, scan.prefix.clone());
        let from = match &scan.after {
            Some(after) if *after >= scan.prefix => Bound::Excluded(RowKey::new(scan.table, after.clone())),
            _ => Bound::Included(prefix),
        };
        self.rows
            .range((from, Bound::Unbounded))
            .take_while(|(row, _)| row.table == scan.table && row.key.starts_with(&scan.prefix))
            .take(scan.limit)
            .map(|(row, value)| (row.key.clone(), value.clone()))
            .collect()
    }

    /// A block's bytes.
    pub fn block(&self, cid: &Cid) -> Option<Vec<u8>> {
        self.blocks.get(cid).cloned()
    }

    /// Changes the store, whole or not at all.
    pub fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.expect.iter().any(|(key, value)| self.rows.get(key) != value.as_ref()) {
            return Err(StoreError::Conflict);
        }
        self.rows.extend(batch.put);
        batch.delete.iter().for_each(|key| drop(self.rows.remove(key)));
        self.blocks.extend(batch.put_blocks);
        batch.delete_blocks.iter().for_each(|cid| drop(self.blocks.remove(cid)));
        Ok(())
    }
}

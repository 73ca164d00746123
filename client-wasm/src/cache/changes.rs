//! Several changes as one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::cid::Cid;
use mimei_core::store::{Batch, RowKey};

/// What batches that happen one behind the other leave: for each row and block the last word.
#[derive(Debug, Default)]
pub(crate) struct Changes<'a> {
    /// Rows with their values; none for those that are to be deleted.
    pub(crate) rows: BTreeMap<&'a RowKey, Option<&'a [u8]>>,
    pub(crate) blocks: BTreeMap<&'a Cid, &'a [u8]>,
    pub(crate) gone: BTreeSet<&'a Cid>,
}

impl<'a> Changes<'a> {
    /// The value of a row, if the changes say anything about it.
    pub(crate) fn row(&self, key: &RowKey) -> Option<Option<&'a [u8]>> {
        self.rows.get(key).copied()
    }

    /// One batch more.
    pub(crate) fn add(&mut self, batch: &'a Batch) {
        self.rows.extend(batch.put.iter().map(|(key, value)| (key, Some(value.as_slice()))));
        self.rows.extend(batch.delete.iter().map(|key| (key, None)));
        for (cid, block) in &batch.put_blocks {
            self.gone.remove(cid);
            self.blocks.insert(cid, block);
        }
        for cid in &batch.delete_blocks {
            self.blocks.remove(cid);
            self.gone.insert(cid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::random;
    use mimei_core::cid::Codec;
    use mimei_core::store::{MemoryStore, Table};

    const NUMBERS: u64 = 6;

    fn cid(number: u64) -> Cid {
        Cid::of(Codec::Raw, &[number as u8])
    }

    fn key(number: u64) -> RowKey {
        RowKey::new(Table::Row, [number as u8])
    }

    /// All that two stores could differ in.
    fn contents(store: &MemoryStore) -> Vec<[Option<Vec<u8>>; 2]> {
        (0..NUMBERS).map(|number| [store.row(&key(number)), store.block(&cid(number))]).collect()
    }

    #[test]
    fn several_at_once_leave_what_one_after_the_other_does() {
        let mut random = random(11);
        let (mut one_by_one, mut at_once) = (MemoryStore::default(), MemoryStore::default());
        for _ in 0..3_000 {
            let mut batches = vec![Batch::default(); 1 + random(4) as usize];
            for batch in &mut batches {
                for _ in 0..random(6) {
                    let number = random(NUMBERS);
                    match random(4) {
                        0 => batch.put.push((key(number), vec![random(256) as u8])),
                        1 => batch.delete.push(key(number)),
                        2 => batch.put_blocks.push((cid(number), vec![number as u8])),
                        _ => batch.delete_blocks.push(cid(number)),
                    }
                }
            }
            let mut changes = Changes::default();
            for batch in &batches {
                for number in 0..NUMBERS {
                    let seen = changes.row(&key(number)).map(|value| value.map(<[u8]>::to_vec));
                    assert_eq!(seen.unwrap_or(at_once.row(&key(number))), one_by_one.row(&key(number)));
                }
                one_by_one.apply(batch.clone()).expect("it expects nothing");
                changes.add(batch);
            }
            let of_rows = |is_there: bool| changes.rows.iter().filter(move |(_, value)| value.is_some() == is_there);
            let put = of_rows(true).map(|(key, value)| ((*key).clone(), value.unwrap_or_default().to_vec())).collect();
            let delete = of_rows(false).map(|(key, _)| (*key).clone()).collect();
            let put_blocks = changes.blocks.iter().map(|(cid, block)| (**cid, block.to_vec())).collect();
            let delete_blocks = changes.gone.iter().map(|cid| **cid).collect();
            let all = Batch { put, delete, put_blocks, delete_blocks, ..Batch::default() };
            at_once.apply(all).expect("it expects nothing");
            assert_eq!(contents(&at_once), contents(&one_by_one));
        }
    }
}

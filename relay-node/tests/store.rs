//! The contract of a store, kept by memory and by redb with block files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use mimei_core::cid::{Cid, Codec};
use mimei_core::store::{Batch, MemoryStore, Row, RowKey, Scan, StoreError, Table};
use relay_node::store::Store;

trait Subject {
    fn row(&self, key: &RowKey) -> Option<Vec<u8>>;
    fn scan(&self, scan: &Scan) -> Vec<Row>;
    fn block(&self, cid: &Cid) -> Option<Vec<u8>>;
    fn apply(&mut self, batch: Batch) -> Result<(), StoreError>;
}

impl Subject for MemoryStore {
    fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        MemoryStore::row(self, key)
    }
    fn scan(&self, scan: &Scan) -> Vec<Row> {
        MemoryStore::scan(self, scan)
    }
    fn block(&self, cid: &Cid) -> Option<Vec<u8>> {
        MemoryStore::block(self, cid)
    }
    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        MemoryStore::apply(self, batch)
    }
}

impl Subject for Store {
    fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        Store::row(self, key).unwrap()
    }
    fn scan(&self, scan: &Scan) -> Vec<Row> {
        Store::scan(self, scan).unwrap()
    }
    fn block(&self, cid: &Cid) -> Option<Vec<u8>> {
        Store::block(self, cid).unwrap()
    }
    fn apply(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.apply_blocking(batch)
    }
}

/// Runs a test on every store.
fn on_every_store(test: impl Fn(&mut dyn Subject)) {
    test(&mut MemoryStore::default());
    let directory = tempfile::tempdir().unwrap();
    test(&mut Store::open(directory.path()).unwrap());
}

fn key(key: &[u8]) -> RowKey {
    RowKey::new(Table::Log, key)
}

fn put(rows: &[(&[u8], &[u8])]) -> Batch {
    Batch { put: rows.iter().map(|(k, v)| (key(k), v.to_vec())).collect(), strict: true, ..Batch::default() }
}

fn block(bytes: usize, fill: u8) -> (Cid, Vec<u8>) {
    let block = vec![fill; bytes];
    (Cid::of(Codec::Raw, &block), block)
}

fn keep(blocks: &[(Cid, Vec<u8>)]) -> Batch {
    Batch { put_blocks: blocks.to_vec(), strict: true, ..Batch::default() }
}

fn block_files(directory: &Path) -> usize {
    std::fs::read_dir(directory.join("blocks")).unwrap().count()
}

#[test]
fn what_was_put_is_there_and_what_was_deleted_is_not() {
    on_every_store(|store| {
        store.apply(put(&[(b"a", b"1"), (b"b", b"2")])).unwrap();
        store.apply(Batch { delete: vec![key(b"a")], ..put(&[(b"b", b"3")]) }).unwrap();
        assert_eq!(store.row(&key(b"a")), None);
        assert_eq!(store.row(&key(b"b")), Some(b"3".to_vec()));
        assert_eq!(store.row(&RowKey::new(Table::Pin, *b"b")), None, "tables are apart");
    });
}

#[test]
fn a_batch_whose_expectation_fails_changes_nothing() {
    on_every_store(|store| {
        store.apply(put(&[(b"a", b"1")])).unwrap();
        for expected in [None, Some(b"2".to_vec())] {
            let batch = Batch { expect: vec![(key(b"a"), expected)], ..put(&[(b"a", b"x"), (b"new", b"x")]) };
            assert_eq!(store.apply(batch), Err(StoreError::Conflict));
        }
        assert_eq!(store.row(&key(b"a")), Some(b"1".to_vec()));
        assert_eq!(store.row(&key(b"new")), None);
        let batch = Batch { expect: vec![(key(b"a"), Some(b"1".to_vec())), (key(b"z"), None)], ..put(&[(b"a", b"2")]) };
        store.apply(batch).unwrap();
        assert_eq!(store.row(&key(b"a")), Some(b"2".to_vec()));
    });
}

#[test]
fn a_scan_gives_rows_of_its_prefix_in_the_order_of_their_bytes() {
    on_every_store(|store| {
        let rows: [&[u8]; 6] = [b"a", b"p", b"p\x00", b"p\x01x", b"p\xff\xff", b"q"];
        store.apply(put(&rows.map(|row| (row, row)))).unwrap();
        let scan = |after: Option<&[u8]>, limit| Scan {
            table: Table::Log,
            prefix: b"p".to_vec(),
            after: after.map(<[u8]>::to_vec),
            limit,
        };
        let keys = |rows: Vec<Row>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(store.scan(&scan(None, 10))), rows[1..5]);
        assert_eq!(keys(store.scan(&scan(None, 2))), rows[1..3]);
        assert_eq!(keys(store.scan(&scan(Some(b"p\x00"), 10))), rows[3..5], "behind the last key that was seen");
        assert_eq!(keys(store.scan(&scan(Some(b"a"), 10))), rows[1..5], "a start before the prefix is the prefix");
        assert!(store.scan(&scan(Some(b"q"), 10)).is_empty());
    });
}

#[test]
fn blocks_of_every_size_come_back_whole() {
    on_every_store(|store| {
        let blocks: Vec<_> = [0, 1, 8 << 10, (8 << 10) + 1, 256 << 10, 1 << 20].map(|bytes| block(bytes, 7)).into();
        store.apply(keep(&blocks)).unwrap();
        store.apply(keep(&blocks)).unwrap();
        for (cid, bytes) in &blocks {
            assert_eq!(store.block(cid).as_ref(), Some(bytes));
        }
        let gone = blocks.iter().map(|(cid, _)| *cid).collect();
        store.apply(Batch { delete_blocks: gone, ..Batch::default() }).unwrap();
        assert!(blocks.iter().all(|(cid, _)| store.block(cid).is_none()));
    });
}

#[test]
fn a_deleted_block_gives_its_file_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let (cid, bytes) = block(100_000, 1);
    store.apply_blocking(keep(&[(cid, bytes)])).unwrap();
    assert_eq!(block_files(directory.path()), 1);
    store.apply_blocking(Batch { delete_blocks: vec![cid], ..Batch::default() }).unwrap();
    assert_eq!(block_files(directory.path()), 0);
}

#[test]
fn a_batch_that_is_refused_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let batch = Batch { expect: vec![(key(b"absent"), Some(vec![]))], ..keep(&[block(100_000, 1)]) };
    assert_eq!(store.apply_blocking(batch), Err(StoreError::Conflict));
    assert_eq!(block_files(directory.path()), 0);
}

#[test]
fn everything_is_there_after_opening_again_and_leftovers_of_a_crash_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let kept = block(100_000, 1);
    {
        let store = Store::open(directory.path()).unwrap();
        store.apply_blocking(put(&[(b"a", b"1")])).unwrap();
        store.apply_blocking(keep(std::slice::from_ref(&kept))).unwrap();
    }
    // A crash after the file's rename and before its row, and one before the rename.
    std::fs::write(directory.path().join("blocks/00000000000000ff"), b"no row names this").unwrap();
    std::fs::write(directory.path().join("blocks/0000000000000100.new"), b"half").unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.row(&key(b"a")), Ok(Some(b"1".to_vec())));
    assert_eq!(store.block(&kept.0), Ok(Some(kept.1)));
    assert_eq!(block_files(directory.path()), 1);
    let (cid, bytes) = block(90_000, 2);
    store.apply_blocking(keep(&[(cid, bytes.clone())])).unwrap();
    assert_eq!(store.block(&cid), Ok(Some(bytes)));
    let swept_name = directory.path().join("blocks/00000000000000ff");
    assert!(!swept_name.exists(), "a name that was in use is not used again");
}

#[test]
fn writers_at_once_are_all_answered_and_exactly_one_wins_a_race() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let wins: usize = std::thread::scope(|scope| {
        let race = |n: u8| {
            let store = store.clone();
            let batch = Batch { expect: vec![(key(b"one"), None)], ..put(&[(b"one", &[n])]) };
            scope.spawn(move || usize::from(store.apply_blocking(batch).is_ok()))
        };
        (0..32).map(race).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
}

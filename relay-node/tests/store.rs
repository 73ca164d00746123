//! The contract of a store, kept by memory and by redb, and what is redb's own: its block files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use conformance::store::{self as suite, Bench, Lasting};
use mimei_core::cid::{Cid, Codec};
use mimei_core::store::{Batch, MemoryStore, Row, RowKey, Scan, StoreError, Table};
use relay_node::store::Store;
use tempfile::TempDir;

mod memory {
    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Rc<RefCell<MemoryStore>>);

    impl suite::Store for Memory {
        async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.borrow().row(key))
        }
        async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
            Ok(self.0.borrow().scan(scan))
        }
        async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.borrow().block(cid))
        }
        async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
            self.0.borrow_mut().apply(batch)
        }
    }

    impl Bench for Memory {
        type Store = Self;
        async fn open(&self) -> Self {
            self.clone()
        }
    }

    macro_rules! on_memory {
        ($($case:ident)*) => { $(
            #[test]
            fn $case() {
                run(suite::$case(Memory::default()));
            }
        )* };
    }

    conformance::store_cases!(on_memory);
}

mod redb {
    use super::*;

    /// A process opens a database once: all handles are clones.
    struct Disk {
        store: RefCell<Option<Store>>,
        directory: TempDir,
    }

    impl Disk {
        fn new() -> Self {
            Self { store: RefCell::default(), directory: tempfile::tempdir().unwrap() }
        }
    }

    struct Handle(Store);

    impl suite::Store for Handle {
        async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.row(key)
        }
        async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
            self.0.scan(scan)
        }
        async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.block(cid)
        }
        async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
            self.0.apply(batch).await
        }
    }

    impl Bench for Disk {
        type Store = Handle;
        async fn open(&self) -> Handle {
            let open = || Store::open(self.directory.path()).unwrap();
            Handle(self.store.borrow_mut().get_or_insert_with(open).clone())
        }
    }

    impl Lasting for Disk {
        async fn close(&self) {
            drop(self.store.take());
        }
    }

    macro_rules! on_redb {
        ($($case:ident)*) => { $(
            #[test]
            fn $case() {
                run(suite::$case(Disk::new()));
            }
        )* };
    }

    conformance::store_cases!(on_redb);
    conformance::lasting_store_cases!(on_redb);
}

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(case);
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

//! A disk that is full in the middle of a write, which the look at the room before it cannot rule out.

use ::tests::small_disk::SmallDisk;
use mimei_core::cid::Codec;

use super::*;

/// Blocks that lie in rows and blocks that lie in files.
fn block(number: u32) -> (Cid, Vec<u8>) {
    let length = if number.is_multiple_of(3) { 60_000 } else { 7_000 };
    let bytes: Vec<u8> = number.to_be_bytes().into_iter().cycle().take(length).collect();
    (Cid::of(Codec::Raw, &bytes), bytes)
}

fn keep(number: u32) -> Batch {
    let row = (RowKey::new(Table::Log, number.to_be_bytes()), vec![7; 100]);
    Batch { put: vec![row], put_blocks: vec![block(number)], strict: true, ..Batch::default() }
}

fn assert_kept(store: &Store, numbers: &[u32]) {
    for number in numbers {
        let (cid, bytes) = block(*number);
        assert_eq!(store.block(&cid), Ok(Some(bytes)), "block {number}");
        assert_eq!(store.row(&RowKey::new(Table::Log, number.to_be_bytes())), Ok(Some(vec![7; 100])), "row {number}");
    }
}

#[test]
fn an_error_of_the_disk_is_a_refusal_and_the_store_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), 12, "an_error_of_the_disk_is_a_refusal") else {
        return;
    };
    let ballast = disk.ballast("ballast", 3 << 20);
    let store = Store::open_in(disk.path(), None).unwrap();
    let (mut kept, mut refused) = (Vec::new(), 0);
    for number in 0.. {
        match store.apply_blocking(keep(number)) {
            Ok(()) => kept.push(number),
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                refused += 1;
                assert_kept(&store, &kept);
            }
        }
        if refused >= 20 {
            break;
        }
    }
    assert!(kept.len() > 100, "{}", kept.len());
    std::fs::remove_file(ballast).unwrap();
    for number in 100_000..100_040 {
        store.apply_blocking(keep(number)).unwrap();
        kept.push(number);
    }
    assert_kept(&store, &kept);
    drop(store);
    assert_kept(&Store::open_in(disk.path(), None).unwrap(), &kept);
}

#[test]
fn a_disk_that_is_nearly_full_is_not_filled() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), 40, "a_disk_that_is_nearly_full_is_not_filled")
    else {
        return;
    };
    let store = Store::open(disk.path()).unwrap();
    let refused = (0..).find(|number| store.apply_blocking(keep(*number)) == Err(StoreError::Full)).unwrap();
    assert!(refused > 100, "{refused}");
    let row = Batch { put: vec![(RowKey::new(Table::Log, b"a row"), vec![1])], strict: true, ..Batch::default() };
    assert_eq!(store.apply_blocking(row), Ok(()), "a row still has room");
    assert_kept(&store, &(0..refused).collect::<Vec<_>>());
    disk.ballast("ballast", usize::MAX);
    assert_eq!(store.apply_blocking(keep(refused)), Err(StoreError::Full));
    drop(store);
    let store = Store::open(disk.path()).expect("it opens while the disk has no byte left");
    assert_kept(&store, &(0..refused).collect::<Vec<_>>());
}

//! Blocks, by address.

use std::slice::from_ref;

use mimei_core::cid::{Cid, Codec};
use mimei_core::store::{Batch, StoreError};

use super::{Bench, Store, block, keep, key, put, strict};

fn delete(blocks: &[(Cid, Vec<u8>)]) -> Batch {
    Batch { delete_blocks: blocks.iter().map(|(cid, _)| *cid).collect(), ..Batch::default() }
}

/// Those that lie in a row, in a file, and on the border between.
pub async fn blocks_of_every_size_come_back_whole(bench: impl Bench) {
    let store = bench.open().await;
    let blocks = [0, 1, 8 << 10, (8 << 10) + 1, 256 << 10, 1 << 20].map(|bytes| block(bytes, 7));
    store.apply(strict(keep(&blocks))).await.unwrap();
    store.apply(keep(&blocks)).await.unwrap();
    for (cid, bytes) in &blocks {
        assert_eq!(store.block(cid).await.unwrap().as_ref(), Some(bytes));
    }
    store.apply(delete(&blocks)).await.unwrap();
    for (cid, _) in &blocks {
        assert_eq!(store.block(cid).await, Ok(None));
    }
}

/// And its codec is part of its address.
pub async fn a_block_that_was_never_put_is_absent(bench: impl Bench) {
    let store = bench.open().await;
    let (raw, bytes) = block(10, 1);
    store.apply(keep(&[(raw, bytes.clone())])).await.unwrap();
    assert_eq!(store.block(&Cid::of(Codec::DagCbor, &bytes)).await, Ok(None));
    assert_eq!(store.block(&block(11, 1).0).await, Ok(None));
    store.apply(delete(&[block(11, 1)])).await.unwrap();
    assert_eq!(store.block(&raw).await, Ok(Some(bytes)));
}

/// Neither does it delete one.
pub async fn a_refused_batch_leaves_no_block(bench: impl Bench) {
    let store = bench.open().await;
    let (old, new) = (block(100_000, 1), block(100_000, 2));
    store.apply(keep(from_ref(&old))).await.unwrap();
    let expect = vec![(key("absent"), Some(vec![]))];
    let batch = Batch { expect, delete_blocks: vec![old.0], ..keep(from_ref(&new)) };
    assert_eq!(store.apply(batch).await, Err(StoreError::Conflict));
    assert_eq!(store.block(&old.0).await, Ok(Some(old.1)));
    assert_eq!(store.block(&new.0).await, Ok(None));
}

/// As with rows, deleting comes last.
pub async fn a_block_that_one_batch_puts_and_deletes_is_gone(bench: impl Bench) {
    let store = bench.open().await;
    let blocks = [block(10, 1), block(100_000, 1)];
    for was_there in [false, true] {
        let delete_blocks = blocks.iter().map(|(cid, _)| *cid).collect();
        store.apply(Batch { delete_blocks, put: put([("a", "1")]).put, ..keep(&blocks) }).await.unwrap();
        for (cid, _) in &blocks {
            assert_eq!(store.block(cid).await, Ok(None), "it was there before: {was_there}");
        }
        store.apply(keep(&blocks)).await.unwrap();
    }
}

/// Any number of times.
pub async fn a_deleted_block_can_be_put_again(bench: impl Bench) {
    let store = bench.open().await;
    let blocks = [block(10, 3), block(300_000, 3)];
    for _ in 0..3 {
        store.apply(keep(&blocks)).await.unwrap();
        store.apply(delete(&blocks)).await.unwrap();
        store.apply(keep(&blocks)).await.unwrap();
        for (cid, bytes) in &blocks {
            assert_eq!(store.block(cid).await.unwrap().as_ref(), Some(bytes));
        }
    }
}

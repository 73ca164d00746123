//! What happens when there is no room left.

use mimei_core::store::{Batch, StoreError};

use super::{Limited, Store, all, block, keep, key, put, strict};

/// Room for a few batches of [`BATCH_BYTES`].
const LIMIT_BYTES: u64 = 8 << 20;
const BATCH_BYTES: usize = 1 << 20;
/// More than fit, whatever the store compresses or rounds.
const BATCHES_MAX: u32 = 64;

/// Bytes that cannot be compressed.
fn noise(number: u32) -> Vec<u8> {
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..BATCH_BYTES).map(|_| next()).collect()
}

fn filling(number: u32) -> Batch {
    let bytes = noise(number);
    let cid = mimei_core::cid::Cid::of(mimei_core::cid::Codec::Raw, &bytes);
    strict(Batch { put: put([(number.to_be_bytes(), "kept")]).put, ..keep(&[(cid, bytes)]) })
}

/// What did not fit is not there, not even in part; all that was there can be read.
pub async fn a_full_store_says_so_keeps_what_it_has_and_goes_on_once_there_is_room(bench: impl Limited) {
    bench.limit(Some(LIMIT_BYTES)).await;
    let store = bench.open().await;
    let mut kept = 0;
    let refused = loop {
        assert!(kept < BATCHES_MAX, "it takes more than its limit");
        match store.apply(filling(kept)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::Full);
    assert!(kept > 0, "something fits");
    for number in 0..=kept {
        let is_there = number < kept;
        let (cid, bytes) = filling(number).put_blocks.remove(0);
        let found = store.row(&key(number.to_be_bytes())).await.unwrap();
        assert_eq!(found.is_some(), is_there, "row {number} of {kept}");
        assert_eq!(store.block(&cid).await.unwrap(), is_there.then_some(bytes), "block {number} of {kept}");
    }
    assert_eq!(store.apply(filling(kept)).await, Err(StoreError::Full), "it stays full");
    bench.limit(None).await;
    store.apply(filling(kept)).await.unwrap();
    assert_eq!(store.row(&key(kept.to_be_bytes())).await, Ok(Some(b"kept".to_vec())));
    store.apply(keep(&[block(10, 1)])).await.unwrap();
}

/// One that is larger than all the room comes between small ones.
pub async fn a_full_store_takes_what_fits_beside_what_does_not(bench: impl Limited) {
    bench.limit(Some(LIMIT_BYTES)).await;
    let store = bench.open().await;
    let mut large = filling(0);
    for number in 1..2 * (LIMIT_BYTES / BATCH_BYTES as u64) as u32 {
        large.put_blocks.extend(filling(number).put_blocks);
    }
    let small = |n: u8| Batch { put: put([("small", [n])]).put, ..keep(&[block(10, n)]) };
    let results = all([small(1), large, small(2)].map(|batch| store.apply(batch))).await;
    assert_eq!(results, [Ok(()), Err(StoreError::Full), Ok(())]);
    assert_eq!(store.row(&key("small")).await, Ok(Some(vec![2])));
    assert_eq!(store.block(&block(10, 1).0).await, Ok(Some(block(10, 1).1)));
    assert_eq!(store.row(&key(0_u32.to_be_bytes())).await, Ok(None));
}

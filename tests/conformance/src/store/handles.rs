//! Several handles to one database, several batches at once, and opening again.

use std::slice::from_ref;

use mimei_core::store::{Batch, StoreError};

use super::{Bench, Lasting, Store, all, block, keep, key, put, scan_of, strict};

/// Writers at once: more than a browser lets run together.
const WRITERS: u8 = 32;

/// What one writes the other reads.
pub async fn two_handles_see_the_same(bench: impl Bench) {
    let (one, other) = (bench.open().await, bench.open().await);
    one.apply(put([("a", "1")])).await.unwrap();
    assert_eq!(other.row(&key("a")).await, Ok(Some(b"1".to_vec())));
    other.apply(Batch { delete: vec![key("a")], ..keep(&[block(10, 1)]) }).await.unwrap();
    assert_eq!(one.row(&key("a")).await, Ok(None));
    assert_eq!(one.block(&block(10, 1).0).await, Ok(Some(block(10, 1).1)));
}

/// So the later of two tabs learns that it was not alone.
pub async fn a_handle_sees_what_another_wrote_before_it(bench: impl Bench) {
    let (one, other) = (bench.open().await, bench.open().await);
    one.apply(put([("head", "1")])).await.unwrap();
    let expecting = |value: &str, next: &str| {
        let expect = vec![(key("head"), Some(value.as_bytes().to_vec()))];
        Batch { expect, ..put([("head", next)]) }
    };
    one.apply(expecting("1", "2")).await.unwrap();
    assert_eq!(other.apply(expecting("1", "3")).await, Err(StoreError::Conflict));
    other.apply(expecting("2", "3")).await.unwrap();
    assert_eq!(one.apply(expecting("2", "4")).await, Err(StoreError::Conflict));
    assert_eq!(one.row(&key("head")).await, Ok(Some(b"3".to_vec())));
}

/// All others are told.
pub async fn one_of_many_writers_at_once_wins(bench: impl Bench) {
    let handles = [bench.open().await, bench.open().await];
    let race = |n: u8| {
        let batch = Batch { expect: vec![(key("one"), None)], ..put([("one", [n]), ("lost", [n])]) };
        let store = &handles[usize::from(n) % handles.len()];
        async move { store.apply(batch).await }
    };
    let results = all((0..WRITERS).map(race)).await;
    let winners: Vec<_> = (0..).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(results.iter().filter(|result| **result == Err(StoreError::Conflict)).count() == results.len() - 1);
    for name in ["one", "lost"] {
        assert_eq!(handles[1].row(&key(name)).await, Ok(Some(vec![winners[0]])));
    }
}

/// From both handles, with rows and blocks.
pub async fn batches_at_once_all_happen(bench: impl Bench) {
    let handles = [bench.open().await, bench.open().await];
    let write = |n: u8| {
        let batch = Batch { strict: n.is_multiple_of(2), put: put([([n], [n])]).put, ..keep(&[block(9_000, n)]) };
        let store = &handles[usize::from(n) % handles.len()];
        async move { store.apply(batch).await }
    };
    assert!(all((0..WRITERS).map(write)).await.iter().all(Result::is_ok));
    let rows = handles[0].scan(&scan_of("", None, 100)).await.unwrap();
    assert!(rows.into_iter().eq((0..WRITERS).map(|n| (vec![n], vec![n]))));
    for n in 0..WRITERS {
        assert_eq!(handles[1].block(&block(9_000, n).0).await, Ok(Some(block(9_000, n).1)));
    }
}

/// From one handle they happen in order. Of those that are refused among them nothing is left.
pub async fn each_of_many_at_once_is_judged_behind_those_before_it(bench: impl Bench) {
    let store = bench.open().await;
    let steps = (0..WRITERS).flat_map(|n| {
        let expect = vec![(key("at"), (n > 0).then(|| vec![n]))];
        let next = Batch { expect: expect.clone(), put: put([("at", [n + 1])]).put, ..keep(&[block(10, n)]) };
        // What it expects was so before.
        let late = Batch { expect, put: put([("late", [n])]).put, ..keep(&[block(40_000, n)]) };
        [next, late]
    });
    let results = all(steps.map(|batch| store.apply(batch))).await;
    for (at, result) in results.iter().enumerate() {
        let wanted = if at % 2 == 0 { Ok(()) } else { Err(StoreError::Conflict) };
        assert_eq!(*result, wanted, "batch {at}");
    }
    assert_eq!(store.row(&key("at")).await, Ok(Some(vec![WRITERS])));
    assert_eq!(store.row(&key("late")).await, Ok(None));
    for n in 0..WRITERS {
        assert_eq!(store.block(&block(10, n).0).await, Ok(Some(block(10, n).1)));
        assert_eq!(store.block(&block(40_000, n).0).await, Ok(None));
    }
}

/// A scan beside the writer never meets half of a batch.
pub async fn a_reader_sees_batches_whole(bench: impl Bench) {
    let handles = [bench.open().await, bench.open().await];
    handles[0].apply(put([("x", [0]), ("y", [0])])).await.unwrap();
    let step = |n: u8| {
        let (writer, reader) = (&handles[0], &handles[usize::from(n) % handles.len()]);
        async move {
            writer.apply(put([("x", [n]), ("y", [n])])).await.unwrap();
            reader.scan(&scan_of("", None, 10)).await.unwrap()
        }
    };
    for rows in all((1..WRITERS).map(step)).await {
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].1, rows[1].1, "both are of one batch");
    }
}

/// Rows and blocks, small and large.
pub async fn what_was_strict_is_there_after_opening_again(bench: impl Lasting) {
    let blocks = [block(10, 1), block(100_000, 1)];
    let store = bench.open().await;
    store.apply(strict(Batch { put: put([("a", "1"), ("b", "")]).put, ..keep(&blocks) })).await.unwrap();
    drop(store);
    for _ in 0..2 {
        bench.close().await;
        let store = bench.open().await;
        let rows = store.scan(&scan_of("", None, 10)).await.unwrap();
        assert_eq!(rows, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), vec![])]);
        for (cid, bytes) in &blocks {
            assert_eq!(store.block(cid).await.unwrap().as_ref(), Some(bytes));
        }
    }
}

/// Nor does opening change what is there.
pub async fn what_was_refused_or_deleted_is_not_there_after_opening_again(bench: impl Lasting) {
    let (gone, never) = (block(100_000, 1), block(100_000, 2));
    let store = bench.open().await;
    store.apply(strict(Batch { put: put([("gone", "1"), ("kept", "1")]).put, ..keep(from_ref(&gone)) })).await.unwrap();
    let delete = Batch { delete: vec![key("gone")], delete_blocks: vec![gone.0], ..Batch::default() };
    store.apply(strict(delete)).await.unwrap();
    let expect = vec![(key("kept"), None)];
    let refused = Batch { expect, put: put([("never", "1")]).put, ..keep(from_ref(&never)) };
    assert_eq!(store.apply(strict(refused)).await, Err(StoreError::Conflict));
    drop(store);
    bench.close().await;
    let store = bench.open().await;
    assert_eq!(super::keys(&store, scan_of("", None, 10)).await, [b"kept"]);
    for (cid, _) in [gone, never] {
        assert_eq!(store.block(&cid).await, Ok(None));
    }
}

//! Batches happen whole or not at all.

use mimei_core::store::{Batch, RowKey, StoreError, Table};

use super::{Bench, Store, key, put, strict};

/// Rows are put, replaced and deleted.
pub async fn what_was_put_is_there_and_what_was_deleted_is_not(bench: impl Bench) {
    let store = bench.open().await;
    assert_eq!(store.row(&key("a")).await, Ok(None));
    store.apply(put([("a", "1"), ("b", "2")])).await.unwrap();
    store.apply(strict(Batch { delete: vec![key("a")], ..put([("b", "3")]) })).await.unwrap();
    assert_eq!(store.row(&key("a")).await, Ok(None));
    assert_eq!(store.row(&key("b")).await, Ok(Some(b"3".to_vec())));
}

/// The same key in each table is another row.
pub async fn tables_are_apart(bench: impl Bench) {
    let store = bench.open().await;
    let row = |table: Table| (RowKey::new(table, *b"same"), table.name().as_bytes().to_vec());
    store.apply(Batch { put: Table::ALL.iter().copied().map(row).collect(), ..Batch::default() }).await.unwrap();
    for (at, value) in Table::ALL.iter().copied().map(row) {
        assert_eq!(store.row(&at).await, Ok(Some(value)));
        store.apply(Batch { delete: vec![at.clone()], ..Batch::default() }).await.unwrap();
        assert_eq!(store.row(&at).await, Ok(None));
    }
}

/// Whether a row should be absent and is there, or the other way, or is another.
pub async fn a_batch_whose_expectation_fails_changes_nothing(bench: impl Bench) {
    let store = bench.open().await;
    store.apply(put([("a", "1"), ("b", "2")])).await.unwrap();
    let wrong = [("a", None), ("a", Some("2")), ("absent", Some("1")), ("a", Some("")), ("a", Some("11"))];
    for (at, value) in wrong {
        // One that holds stands before and behind it.
        let expect = [("b", Some("2")), (at, value), ("c", None)];
        let expect = expect.map(|(at, value)| (key(at), value.map(|text| text.as_bytes().to_vec()))).to_vec();
        let batch = Batch { expect, delete: vec![key("b")], ..put([("a", "x"), ("new", "x")]) };
        assert_eq!(store.apply(batch).await, Err(StoreError::Conflict), "{at} is {value:?}");
    }
    assert_eq!(store.row(&key("a")).await, Ok(Some(b"1".to_vec())));
    assert_eq!(store.row(&key("b")).await, Ok(Some(b"2".to_vec())), "nothing was deleted");
    assert_eq!(store.row(&key("new")).await, Ok(None));
}

/// Expectations in other tables than those written count too.
pub async fn a_batch_whose_expectations_hold_happens(bench: impl Bench) {
    let store = bench.open().await;
    let pin = RowKey::new(Table::Pin, *b"p");
    let rows = [(pin.clone(), b"1".to_vec()), (key("a"), b"1".to_vec())];
    store.apply(Batch { put: rows.into(), ..Batch::default() }).await.unwrap();
    let expect = vec![(key("a"), Some(b"1".to_vec())), (pin, Some(b"1".to_vec())), (key("z"), None)];
    store.apply(Batch { expect, ..put([("a", "2")]) }).await.unwrap();
    assert_eq!(store.row(&key("a")).await, Ok(Some(b"2".to_vec())));
}

/// Neither is taken for the other, in reading and in expecting.
pub async fn an_empty_value_is_not_an_absent_row(bench: impl Bench) {
    let store = bench.open().await;
    store.apply(put([("empty", "")])).await.unwrap();
    assert_eq!(store.row(&key("empty")).await, Ok(Some(vec![])));
    let expecting = |at: &str, value| Batch { expect: vec![(key(at), value)], ..put([("done", at)]) };
    assert_eq!(store.apply(expecting("empty", None)).await, Err(StoreError::Conflict));
    assert_eq!(store.apply(expecting("absent", Some(vec![]))).await, Err(StoreError::Conflict));
    store.apply(expecting("empty", Some(vec![]))).await.unwrap();
    store.apply(expecting("absent", None)).await.unwrap();
}

/// A batch may change what it expects.
pub async fn expectations_are_about_what_was_before_the_batch(bench: impl Bench) {
    let store = bench.open().await;
    let first = Batch { expect: vec![(key("a"), None)], ..put([("a", "1")]) };
    store.apply(first.clone()).await.unwrap();
    assert_eq!(store.apply(first).await, Err(StoreError::Conflict));
    let delete = Batch { expect: vec![(key("a"), Some(b"1".to_vec()))], delete: vec![key("a")], ..Batch::default() };
    store.apply(delete.clone()).await.unwrap();
    assert_eq!(store.apply(delete).await, Err(StoreError::Conflict));
}

/// It looks, and writes nothing.
pub async fn a_batch_that_only_expects_can_fail(bench: impl Bench) {
    let store = bench.open().await;
    let expecting = |value: Option<Vec<u8>>| Batch { expect: vec![(key("a"), value)], ..Batch::default() };
    store.apply(expecting(None)).await.unwrap();
    assert_eq!(store.apply(expecting(Some(vec![1]))).await, Err(StoreError::Conflict));
}

/// Deleting comes last.
pub async fn what_one_batch_puts_and_deletes_is_gone(bench: impl Bench) {
    let store = bench.open().await;
    store.apply(put([("old", "1")])).await.unwrap();
    let delete = vec![key("old"), key("new")];
    store.apply(Batch { delete, ..put([("old", "2"), ("new", "2"), ("kept", "2")]) }).await.unwrap();
    assert_eq!(store.row(&key("old")).await, Ok(None));
    assert_eq!(store.row(&key("new")).await, Ok(None));
    assert_eq!(store.row(&key("kept")).await, Ok(Some(b"2".to_vec())));
}

/// In the order of the batch.
pub async fn of_two_values_for_one_key_the_last_stands(bench: impl Bench) {
    let store = bench.open().await;
    store.apply(put([("a", "2"), ("b", ""), ("a", "1")])).await.unwrap();
    assert_eq!(store.row(&key("a")).await, Ok(Some(b"1".to_vec())));
}

/// Neither a row nor what else the batch does.
pub async fn deleting_what_is_not_there_is_no_error(bench: impl Bench) {
    let store = bench.open().await;
    let delete = vec![key("absent"), key("absent")];
    store.apply(Batch { delete, ..put([("a", "1")]) }).await.unwrap();
    assert_eq!(store.row(&key("a")).await, Ok(Some(b"1".to_vec())));
}

/// It is no error either.
pub async fn an_empty_batch_changes_nothing(bench: impl Bench) {
    let store = bench.open().await;
    store.apply(put([("a", "1")])).await.unwrap();
    store.apply(Batch::default()).await.unwrap();
    store.apply(strict(Batch::default())).await.unwrap();
    assert_eq!(store.row(&key("a")).await, Ok(Some(b"1".to_vec())));
}

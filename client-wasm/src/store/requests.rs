//! Requests to IndexedDB: values, ranges, errors, and when a change is there.

use indexed_db_futures::KeyRange;
use indexed_db_futures::error::{DomException, Error, OpenDbError};
use indexed_db_futures::internals::SystemRepr;
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::Transaction;
use js_sys::Uint8Array;
use mimei_core::cid::Cid;
use mimei_core::store::{Scan, StoreError};
use wasm_bindgen::{JsCast, JsValue};

use super::{failed, is_full};

pub(super) fn of_error(error: Error) -> StoreError {
    match &error {
        Error::DomException(DomException::Other(error)) if is_full(error) => StoreError::Full,
        _ => failed(error),
    }
}

/// Commits. Chromium looks for room only then, and says why it did not in the transaction alone.
pub(super) async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    let handle = transaction.as_sys().clone();
    // Each request behind one that failed fails too, and the library's listener takes one error.
    handle.set_onerror(None);
    let done = async {
        pass_all(&transaction).await?;
        transaction.commit().await
    };
    done.await.map_err(|error| match handle.error() {
        Some(cause) if is_full(&cause) => StoreError::Full,
        Some(cause) => failed(format!("{}: {}", cause.name(), cause.message())),
        None => of_error(error),
    })
}

/// Waits for a request behind all others, which fails if one of them did. Firefox keeps the rest of a transaction
/// that was told to commit before one of its requests failed, unless that was the last.
async fn pass_all(transaction: &Transaction<'_>) -> Result<(), Error> {
    let Some(name) = transaction.object_store_names().next() else { return Ok(()) };
    let store = transaction.object_store(&name)?;
    store.get::<JsValue, _, _>(js(&[])).primitive()?.await?;
    Ok(())
}

pub(super) fn of_open(error: OpenDbError) -> StoreError {
    match error {
        OpenDbError::Base(error) => of_error(error),
        other => failed(other),
    }
}

pub(super) fn js(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// A value or key as it comes back: keys are buffers, values arrays.
pub(super) fn bytes(value: JsValue) -> Vec<u8> {
    match value.dyn_into::<Uint8Array>() {
        Ok(array) => array.to_vec(),
        Err(buffer) => Uint8Array::new(&buffer).to_vec(),
    }
}

pub(super) fn put(transaction: &Transaction<'_>, name: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let store = transaction.object_store(name).map_err(of_error)?;
    store.put(js(value)).with_key(js(key)).without_key_type().build().map_err(of_error)?;
    Ok(())
}

/// Nothing to delete may be said of a store that the transaction does not have.
pub(super) fn delete(transaction: &Transaction<'_>, name: &str, gone: &[Cid]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let store = transaction.object_store(name).map_err(of_error)?;
    for cid in gone {
        store.delete(js(&cid.to_bytes())).build().map_err(of_error)?;
    }
    Ok(())
}

/// The keys of a scan: from the prefix, or behind the last key seen, to where the prefix ends.
/// None if that is behind the prefix already.
pub(super) fn range_of(scan: &Scan) -> Option<KeyRange<JsValue>> {
    let (from, open) = match &scan.after {
        Some(after) if *after >= scan.prefix => (after, true),
        _ => (&scan.prefix, false),
    };
    match prefix_end(&scan.prefix) {
        Some(end) if *from >= end => None,
        Some(end) => Some(KeyRange::Bound(js(from), open, js(&end), true)),
        None => Some(KeyRange::LowerBound(js(from), open)),
    }
}

/// The first key behind all keys with that prefix, if there is one.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

//! The contract of a store (`mimei_core::store`), as cases that any store runs.
//!
//! Memory and redb run them natively (`relay-node/tests/store.rs`), memory and IndexedDB in a
//! browser (`tests/in-browser`). A case is a function that panics where the contract is broken; the
//! macros below name all of them, so that each place makes a test of its own out of each.

mod batches;
mod blocks;
mod handles;
mod history;
mod room;
mod scans;

use std::future::Future;
use std::task::Poll;

use mimei_core::cid::{Cid, Codec};
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError, Table};

pub use batches::*;
pub use blocks::*;
pub use handles::*;
pub use history::*;
pub use room::*;
pub use scans::*;

/// Passes the names of the cases for every store to a macro.
#[macro_export]
macro_rules! store_cases {
    ($with:ident) => {
        $with! {
            what_was_put_is_there_and_what_was_deleted_is_not
            tables_are_apart
            a_batch_whose_expectation_fails_changes_nothing
            a_batch_whose_expectations_hold_happens
            an_empty_value_is_not_an_absent_row
            expectations_are_about_what_was_before_the_batch
            a_batch_that_only_expects_can_fail
            what_one_batch_puts_and_deletes_is_gone
            of_two_values_for_one_key_the_last_stands
            deleting_what_is_not_there_is_no_error
            an_empty_batch_changes_nothing
            a_scan_gives_rows_of_its_prefix_in_the_order_of_their_bytes
            a_scan_goes_on_behind_any_key
            a_scan_gives_at_most_as_many_rows_as_asked_for
            an_empty_prefix_gives_the_whole_table
            prefixes_that_end_in_0xff_have_no_next_prefix
            keys_and_values_of_any_length_come_back_whole
            many_rows_are_read_page_by_page
            blocks_of_every_size_come_back_whole
            a_block_that_was_never_put_is_absent
            a_refused_batch_leaves_no_block
            a_block_that_one_batch_puts_and_deletes_is_gone
            a_deleted_block_can_be_put_again
            two_handles_see_the_same
            a_handle_sees_what_another_wrote_before_it
            one_of_many_writers_at_once_wins
            batches_at_once_all_happen
            each_of_many_at_once_is_judged_behind_those_before_it
            a_reader_sees_batches_whole
            any_history_ends_as_in_a_simple_model
        }
    };
}

/// Passes the names of the cases for stores that outlive the program to a macro.
#[macro_export]
macro_rules! lasting_store_cases {
    ($with:ident) => {
        $with! {
            what_was_strict_is_there_after_opening_again
            what_was_refused_or_deleted_is_not_there_after_opening_again
        }
    };
}

/// Passes the names of the cases for stores whose room can be limited to a macro.
#[macro_export]
macro_rules! limited_store_cases {
    ($with:ident) => {
        $with! {
            a_full_store_says_so_keeps_what_it_has_and_goes_on_once_there_is_room
            a_full_store_takes_what_fits_beside_what_does_not
        }
    };
}

/// A handle to a store.
#[expect(async_fn_in_trait, reason = "a case stays on one thread")]
pub trait Store {
    /// A row's value.
    async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError>;
    /// Rows in the order of their keys.
    async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError>;
    /// A block's bytes.
    async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError>;
    /// Changes the store, whole or not at all.
    async fn apply(&self, batch: Batch) -> Result<(), StoreError>;
}

/// Where a case finds its store: one database, empty at first.
#[expect(async_fn_in_trait, reason = "a case stays on one thread")]
pub trait Bench {
    /// What it opens.
    type Store: Store;
    /// One more handle to the database.
    async fn open(&self) -> Self::Store;
}

/// A database that outlives its handles.
#[expect(async_fn_in_trait, reason = "a case stays on one thread")]
pub trait Lasting: Bench {
    /// Ends the database, whose handles are gone, so that the next one reads what was kept.
    async fn close(&self);
}

/// A database whose room can be limited.
#[expect(async_fn_in_trait, reason = "a case stays on one thread")]
pub trait Limited: Bench {
    /// Lets everything take at most so many bytes from now on; none lifts the limit. A store may
    /// notice a limit only with its first handle.
    async fn limit(&self, bytes: Option<u64>);
}

fn key(key: impl AsRef<[u8]>) -> RowKey {
    RowKey::new(Table::Log, key.as_ref())
}

fn put<K: AsRef<[u8]>, V: AsRef<[u8]>>(rows: impl IntoIterator<Item = (K, V)>) -> Batch {
    let put = rows.into_iter().map(|(at, value)| (key(at), value.as_ref().to_vec())).collect();
    Batch { put, ..Batch::default() }
}

fn strict(batch: Batch) -> Batch {
    Batch { strict: true, ..batch }
}

fn block(bytes: usize, fill: u8) -> (Cid, Vec<u8>) {
    let block = vec![fill; bytes];
    (Cid::of(Codec::Raw, &block), block)
}

fn keep(blocks: &[(Cid, Vec<u8>)]) -> Batch {
    Batch { put_blocks: blocks.to_vec(), ..Batch::default() }
}

fn scan_of(prefix: impl AsRef<[u8]>, after: Option<&[u8]>, limit: usize) -> Scan {
    let (prefix, after) = (prefix.as_ref().to_vec(), after.map(<[u8]>::to_vec));
    Scan { table: Table::Log, prefix, after, limit }
}

async fn keys(store: &impl Store, scan: Scan) -> Vec<Vec<u8>> {
    let rows = store.scan(&scan).await.expect("a scan");
    rows.into_iter().map(|(key, _)| key).collect()
}

/// Waits for all of them, which run at once.
async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut running {
            if done.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

//! B6: durable commits. Ours: the relay's store, one small row a batch. Peer:
//! redb alone, one small row a transaction, from one writer behind a mutex, as
//! its documentation shows. Both fsync before they answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mimei_core::store::{Batch, RowKey, Table};
use redb::{Database, TableDefinition};
use relay_node::store::Store;

use crate::Failure;
use crate::measure::Figure;

const COMMITS: usize = 512;
const VALUE: [u8; 64] = [7; 64];
const RAW: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("raw");

pub(crate) fn run(pairs: usize) -> Result<(), Failure> {
    println!("durable commits: our store against redb alone, {COMMITS} rows of {} bytes", VALUE.len());
    for writers in [1, 8, 64] {
        let (directory, raw_directory) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let store = Store::open(directory.path())?;
        let raw = Arc::new(Database::create(raw_directory.path().join("raw.redb"))?);
        let mut figure = Figure::new(format!("B6 durable commits, {writers} writers, against redb"));
        for round in 0..pairs {
            let ours = || timed(writers, round, |key| put_ours(&store, key));
            let peer = || timed(writers, round, |key| put_raw(&raw, key));
            let (ours, peer) = if figure.ours_first() {
                let ours = ours();
                (ours, peer())
            } else {
                let peer = peer();
                (ours(), peer)
            };
            figure.push(ours, peer);
        }
        figure.print();
    }
    Ok(())
}

fn timed(writers: usize, round: usize, put: impl Fn(&[u8]) + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let put = &put;
            scope.spawn(move || (0..COMMITS / writers).for_each(|n| put(format!("{round}/{writer}/{n}").as_bytes())));
        }
    });
    start.elapsed()
}

fn put_ours(store: &Store, key: &[u8]) {
    let batch = Batch { put: vec![(RowKey::new(Table::Log, key), VALUE.to_vec())], strict: true, ..Batch::default() };
    store.apply_blocking(batch).expect("the store takes a small row");
}

fn put_raw(database: &Database, key: &[u8]) {
    let put = || -> Result<(), redb::Error> {
        let write = database.begin_write()?;
        write.open_table(RAW)?.insert(key, VALUE.as_slice())?;
        write.commit()?;
        Ok(())
    };
    put().expect("redb takes a small row");
}

//! A long random history, beside a model that is slow and obviously right.

use std::collections::BTreeMap;

use mimei_core::store::{Batch, Row, Scan, StoreError, Table};

use super::{Bench, Store, key, scan_of};

const BATCHES: u32 = 150;
const SCANS: u32 = 3;
/// Bytes of keys: neighbours, and both ends.
const ALPHABET: [u8; 4] = [0x00, 0x01, 0xfe, 0xff];

/// Mulberry32: the same on every machine.
struct Random(u32);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut mixed = (self.0 ^ (self.0 >> 15)).wrapping_mul(self.0 | 1);
        mixed ^= mixed.wrapping_add((mixed ^ (mixed >> 7)).wrapping_mul(mixed | 61));
        (mixed ^ (mixed >> 14)) % end
    }

    fn key(&mut self) -> Vec<u8> {
        (0..self.below(4)).map(|_| ALPHABET[self.below(4) as usize]).collect()
    }

    fn keys(&mut self, most: u32) -> Vec<Vec<u8>> {
        (0..self.below(most + 1)).map(|_| self.key()).collect()
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// By going through all rows.
fn scanned(model: &Model, scan: &Scan) -> Vec<Row> {
    let behind = |key: &[u8]| scan.after.as_ref().is_none_or(|after| key > after.as_slice());
    let rows = model.iter().filter(|(key, _)| key.starts_with(&scan.prefix) && behind(key));
    rows.take(scan.limit).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn batch(random: &mut Random, model: &Model, number: u32) -> Batch {
    let value = number.to_be_bytes().to_vec();
    let expected = |random: &mut Random, at: &Vec<u8>| {
        // One of eight expects what is not so.
        if random.below(8) == 0 { Some(b"something else".to_vec()) } else { model.get(at).cloned() }
    };
    let expect = random.keys(2);
    Batch {
        expect: expect.into_iter().map(|at| (key(&at), expected(random, &at))).collect(),
        put: random.keys(4).into_iter().map(|at| (key(at), value.clone())).collect(),
        delete: random.keys(2).into_iter().map(key).collect(),
        strict: random.below(16) == 0,
        ..Batch::default()
    }
}

fn apply(model: &mut Model, batch: &Batch) -> Result<(), StoreError> {
    if batch.expect.iter().any(|(at, value)| model.get(&at.key) != value.as_ref()) {
        return Err(StoreError::Conflict);
    }
    batch.put.iter().for_each(|(at, value)| drop(model.insert(at.key.clone(), value.clone())));
    batch.delete.iter().for_each(|at| drop(model.remove(&at.key)));
    Ok(())
}

/// Batches and scans in any order have the same answers.
pub async fn any_history_ends_as_in_a_simple_model(bench: impl Bench) {
    let store = bench.open().await;
    let (mut random, mut model, mut refused) = (Random(20_240_229), Model::new(), 0);
    for number in 0..BATCHES {
        let batch = batch(&mut random, &model, number);
        let expected = apply(&mut model, &batch);
        refused += u32::from(expected.is_err());
        assert_eq!(store.apply(batch.clone()).await, expected, "batch {number}: {batch:?}");
        for _ in 0..SCANS {
            let after = (random.below(2) == 0).then(|| random.key());
            let scan = scan_of(random.key(), after.as_deref(), random.below(6) as usize);
            assert_eq!(store.scan(&scan).await.unwrap(), scanned(&model, &scan), "{scan:?} after batch {number}");
        }
    }
    assert!((BATCHES / 20..BATCHES / 2).contains(&refused), "{refused} were refused");
    let everything = Scan { table: Table::Log, prefix: vec![], after: None, limit: usize::MAX };
    assert_eq!(store.scan(&everything).await.unwrap(), scanned(&model, &everything));
}

//! Keys, values and ways to make a map, the same in every run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{BatchEdit, Builder, EditStep, Salt, Value};
use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::store::Store;

pub(crate) const SALT_BYTES: [u8; 32] = [42; 32];
pub(crate) static SALT: LazyLock<Salt> = LazyLock::new(|| Salt::new(SALT_BYTES));

pub(crate) type Content = BTreeMap<Vec<u8>, Value>;
pub(crate) type Edits = BTreeMap<Vec<u8>, Option<Value>>;

pub(crate) fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20),
        max_shrink_iters: 300,
        ..Config::default()
    }
}

/// Short keys, long keys, and keys searched for their level, sorted.
pub(crate) static KEYS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut keys: Vec<Vec<u8>> = (0..1500_u32).map(|n| format!("key {:05}", n * 7919 % 100_000).into_bytes()).collect();
    keys.extend((0..40_u32).map(|n| [&[b'k'; 900][..], &n.to_be_bytes()].concat()));
    for (level, count) in [(1, 40), (2, 12), (3, 2)] {
        let found = (0_u32..).map(|n| format!("key {:05} {n}", n % 100_000).into_bytes());
        keys.extend(found.filter(|key| SALT.level(key) == level).take(count));
    }
    keys.sort();
    keys.dedup();
    keys
});

pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    any::<prop::sample::Index>().prop_map(|index| index.get(&KEYS).clone())
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let cid = any::<u8>().prop_map(|n| Cid::of(Codec::Raw, &[n]));
    prop_oneof![
        6 => (any::<u8>(), 0_usize..40).prop_map(|(fill, length)| Value::Bytes(vec![fill; length])),
        2 => (any::<u8>(), 300_usize..=512).prop_map(|(fill, length)| Value::Bytes(vec![fill; length])),
        1 => (any::<u8>(), prop::collection::vec(cid.clone(), 1..=8))
            .prop_map(|(fill, links)| Value::Linked { bytes: vec![fill; 9], links }),
        1 => cid.prop_map(Value::Block),
    ]
}

/// A map with some of the keys.
pub(crate) fn content(size: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Content> {
    btree_map(key(), value(), size)
}

/// Puts and deletes, also of runs of neighbouring keys.
pub(crate) fn edits(size: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Edits> {
    let one = btree_map(key(), prop::option::weighted(0.6, value()), size);
    let run = (any::<prop::sample::Index>(), 0_usize..400, prop::option::weighted(0.3, value()));
    (one, prop::option::weighted(0.3, run)).prop_map(|(mut edits, run)| {
        if let Some((from, length, value)) = run {
            let keys = KEYS.iter().skip(from.index(KEYS.len())).take(length);
            edits.extend(keys.map(|key| (key.clone(), value.clone())));
        }
        edits
    })
}

pub(crate) fn apply_to_model(content: &mut Content, edits: &Edits) {
    for (key, value) in edits {
        match value {
            Some(value) => content.insert(key.clone(), value.clone()),
            None => content.remove(key),
        };
    }
}

pub(crate) fn build(content: &Content, store: &mut Store) -> Cid {
    let mut builder = Builder::new(*SALT);
    for (key, value) in content {
        builder.push(key.clone(), value.clone(), store).unwrap();
    }
    builder.finish(store)
}

pub(crate) fn edit(root: Cid, edits: &Edits, store: &mut Store) -> Cid {
    let list = edits.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut batch = BatchEdit::new(root, *SALT, list).unwrap();
    loop {
        match batch.step(store) {
            Ok(EditStep::Done(root)) => return root,
            Ok(EditStep::More) => {}
            Err(error) => store.bring(error),
        }
    }
}

/// A number generator for loops that need no shrinking.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

//! Reading gives what a `BTreeMap` gives, and proofs hold for their root and key alone.

use std::ops::Bound;

use mimei_core::cbor::{Bytes, Cbor};
use mimei_core::map::{Map, Proof, ProofError, Range, Value, prove};
use proptest::prelude::*;

use crate::store::Store;
use crate::world::{Content, SALT, build, config, content, key};

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn keys_in(model: &Content, from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> Vec<Vec<u8>> {
    let in_range = |key: &&Vec<u8>| {
        (match from {
            Bound::Included(from) => *key >= from,
            Bound::Excluded(from) => *key > from,
            Bound::Unbounded => true,
        }) && (match to {
            Bound::Included(to) => *key <= to,
            Bound::Excluded(to) => *key < to,
            Bound::Unbounded => true,
        })
    };
    model.keys().filter(in_range).cloned().collect()
}

fn proof(store: &Store, map: mimei_core::cid::Cid, key: &[u8]) -> Proof {
    let path = prove(store, map, key).unwrap();
    Proof { blocks: path.iter().map(|cid| Bytes(store.blocks[cid].clone())).collect() }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn reading_gives_what_the_model_gives(model in content(0..1200), asked in prop::collection::vec(key(), 30)) {
        let mut store = Store::default();
        let root = build(&model, &mut store);
        let map = Map::at(&store, root);
        prop_assert_eq!(map.len().unwrap(), model.len() as u64);
        for key in &asked {
            let found = map.get(key).unwrap().map(|entry| entry.value().to_value());
            prop_assert_eq!(found.as_ref(), model.get(key));
            prop_assert_eq!(map.rank(key).unwrap(), model.range::<Vec<u8>, _>(..key).count() as u64);
            let proof = Proof::from_cbor(&proof(&store, root, key).to_cbor()).unwrap();
            prop_assert_eq!(proof.answer(root, key, &SALT, &store).unwrap(), model.get(key).cloned());
        }
        for n in [0, 1, model.len() / 3, model.len().saturating_sub(1), model.len(), usize::MAX] {
            let found = map.nth(n as u64).unwrap().map(|entry| entry.key().to_vec());
            prop_assert_eq!(found.as_ref(), model.keys().nth(n));
        }
    }

    #[test]
    fn ranges_give_what_the_model_gives(model in content(0..1200), from in bound(), to in bound(), limit in 1_usize..400) {
        let mut store = Store::default();
        let root = build(&model, &mut store);
        let map = Map::at(&store, root);
        let mut expected = keys_in(&model, &from, &to);
        for reverse in [false, true] {
            let range = Range { from: borrowed(&from), to: borrowed(&to), reverse };
            let page = map.range(range, limit).unwrap();
            let keys: Vec<_> = page.items.iter().map(|entry| entry.key().to_vec()).collect();
            prop_assert_eq!(&keys[..], &expected[..limit.min(expected.len())]);
            prop_assert_eq!(page.done, expected.len() <= limit);
            prop_assert!(page.items.iter().all(|entry| entry.value() == model[entry.key()]));
            expected.reverse();
        }
    }

    #[test]
    fn a_map_is_read_in_pages(model in content(0..900), limit in 1_usize..200) {
        let mut store = Store::default();
        let root = build(&model, &mut store);
        let (mut found, mut last) = (Content::new(), None::<Vec<u8>>);
        loop {
            let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let page = Map::at(&store, root).range(Range { from, ..Range::ALL }, limit).unwrap();
            last = page.items.last().map(|entry| entry.key().to_vec());
            found.extend(page.items.iter().map(|entry| (entry.key().to_vec(), entry.value().to_value())));
            if page.done {
                break;
            }
        }
        prop_assert_eq!(found, model);
    }
}

#[test]
fn a_proof_for_another_root_or_key_or_of_another_length_is_refused() {
    let mut store = Store::default();
    let model: Content = (0..2000_u32).map(|n| (n.to_be_bytes().to_vec(), Value::Bytes(vec![1; 30]))).collect();
    let root = build(&model, &mut store);
    let mut other = model.clone();
    other.remove(&500_u32.to_be_bytes()[..]);
    let other_root = build(&other, &mut store);
    let key = 500_u32.to_be_bytes();
    let good = proof(&store, root, &key);
    assert!(good.blocks.len() >= 2);
    assert_eq!(good.answer(root, &key, &SALT, &store), Ok(Some(Value::Bytes(vec![1; 30]))));
    assert_eq!(proof(&store, other_root, &key).answer(other_root, &key, &SALT, &store), Ok(None));
    assert_eq!(good.answer(other_root, &key, &SALT, &store), Err(ProofError::WrongBlock));
    assert_eq!(good.answer(root, &1900_u32.to_be_bytes(), &SALT, &store), Err(ProofError::WrongBlock));
    let mut short = good.clone();
    short.blocks.pop();
    assert_eq!(short.answer(root, &key, &SALT, &store), Err(ProofError::TooShort));
    assert_eq!(Proof { blocks: vec![] }.answer(root, &key, &SALT, &store), Err(ProofError::TooShort));
    let mut long = good.clone();
    long.blocks.push(good.blocks[0].clone());
    assert_eq!(long.answer(root, &key, &SALT, &store), Err(ProofError::TooLong));
    let strange = mimei_core::map::Salt::new([1; 32]);
    assert_eq!(good.answer(root, &key, &strange, &store), Err(ProofError::NotANode));
    for at in 0..good.blocks.len() {
        let mut forged = good.clone();
        let middle = forged.blocks[at].0.len() / 2;
        forged.blocks[at].0[middle] ^= 1;
        assert_eq!(forged.answer(root, &key, &SALT, &store), Err(ProofError::WrongBlock));
    }
    assert!(Proof::from_cbor(&Proof { blocks: vec![Bytes(vec![]); 49] }.to_cbor()).is_err());
}

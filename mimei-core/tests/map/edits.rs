//! Every order of writing gives the tree of the text.

use std::collections::BTreeMap;

use mimei_core::map::{BatchEdit, InputError, Value};
use proptest::prelude::*;

use crate::reference;
use crate::store::Store;
use crate::world::{Content, KEYS, Random, SALT, apply_to_model, build, config, content, edit, edits};

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn a_bulk_build_is_the_tree_of_the_text(content in content(0..1400)) {
        let mut store = Store::default();
        let expected = reference::root(&content, &mut store);
        prop_assert_eq!(build(&content, &mut store), expected);
    }

    #[test]
    fn batches_of_edits_end_in_the_tree_of_the_text(
        start in content(0..1200),
        batches in prop::collection::vec(edits(0..60), 1..8),
    ) {
        let mut store = Store::default();
        let mut model = start;
        let mut root = build(&model, &mut store);
        for batch in batches {
            root = edit(root, &batch, &mut store);
            apply_to_model(&mut model, &batch);
            prop_assert_eq!(root, reference::root(&model, &mut store));
        }
    }

    #[test]
    fn single_edits_end_in_the_tree_of_the_text(start in content(300..1200), batch in edits(1..40)) {
        let mut store = Store::default();
        let mut model = start;
        let mut root = build(&model, &mut store);
        for (key, value) in batch.into_iter().take(60) {
            let one = BTreeMap::from([(key, value)]);
            root = edit(root, &one, &mut store);
            apply_to_model(&mut model, &one);
        }
        prop_assert_eq!(root, reference::root(&model, &mut store));
    }
}

#[test]
fn the_root_does_not_depend_on_the_order_of_writes() {
    let mut store = Store::default();
    let mut random = Random(1);
    let content: Content =
        KEYS.iter().map(|key| (key.clone(), Value::Bytes(key[..key.len().min(30)].to_vec()))).collect();
    let expected = build(&content, &mut store);
    for _ in 0..3 {
        let mut entries: Vec<_> = content.iter().collect();
        for at in (1..entries.len()).rev() {
            entries.swap(at, random.below(at + 1));
        }
        let mut root = build(&Content::new(), &mut store);
        for chunk in entries.chunks(97) {
            let batch = chunk.iter().map(|(key, value)| ((*key).clone(), Some((*value).clone()))).collect();
            root = edit(root, &batch, &mut store);
        }
        assert_eq!(root, expected);
    }
}

#[test]
fn deleting_everything_gives_the_empty_map() {
    let mut store = Store::default();
    let content: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![7; 100]))).collect();
    let full = build(&content, &mut store);
    let deletes = KEYS.iter().map(|key| (key.clone(), None)).collect();
    let empty = edit(full, &deletes, &mut store);
    assert_eq!(empty, build(&Content::new(), &mut store));
    let puts = content.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    assert_eq!(edit(empty, &puts, &mut store), full);
}

#[test]
fn deleting_all_of_a_node_ends_in_the_tree_of_the_text() {
    let mut store = Store::default();
    let split: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![1; 500]))).collect();
    let whole: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![1; 5]))).collect();
    for model in [split, whole] {
        let root = build(&model, &mut store);
        for (_, node) in store.walk(root) {
            let first = node.key(0).to_vec();
            let keys: Vec<_> =
                model.range(first..).take(node.count() as usize).map(|(key, _)| (key.clone(), None)).collect();
            let (batch, mut rest) = (keys.into_iter().collect(), model.clone());
            apply_to_model(&mut rest, &batch);
            assert_eq!(edit(root, &batch, &mut store), build(&rest, &mut store));
        }
    }
}

#[test]
fn edits_that_change_nothing_write_nothing() {
    let mut store = Store::default();
    let content: Content = KEYS.iter().skip(1).map(|key| (key.clone(), Value::Bytes(vec![1; 20]))).collect();
    let root = build(&content, &mut store);
    store.forget_counts();
    let mut same: BTreeMap<_, _> =
        content.iter().step_by(50).map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    same.insert(KEYS[0].clone(), None);
    assert_eq!(edit(root, &same, &mut store), root);
    assert!(store.put.is_empty());
}

#[test]
fn no_node_is_written_that_the_new_map_does_not_have() {
    let mut store = Store::default();
    let mut random = Random(5);
    let mut model: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![1; 60]))).collect();
    let mut root = build(&model, &mut store);
    for round in 0..60 {
        let batch = (0..=round % 7)
            .map(|_| (KEYS[random.below(KEYS.len())].clone(), Some(Value::Bytes(vec![2; random.below(200)]))));
        let batch = batch.map(|(key, value)| (key, value.filter(|_| round % 3 > 0))).collect();
        store.forget_counts();
        root = edit(root, &batch, &mut store);
        apply_to_model(&mut model, &batch);
        let there: Vec<_> = store.walk(root).into_iter().map(|(cid, _)| cid).collect();
        assert!(store.put.iter().all(|cid| there.contains(cid)), "in round {round}");
    }
}

#[test]
fn what_a_map_cannot_hold_is_refused() {
    let mut store = Store::default();
    let root = build(&Content::new(), &mut store);
    let value = Value::Bytes(vec![]);
    let try_one = |key: Vec<u8>, value: Value| BatchEdit::new(root, *SALT, vec![(key, Some(value))]).err();
    assert_eq!(try_one(vec![1; 1024], Value::Bytes(vec![0; 512])), None);
    assert_eq!(try_one(vec![], value.clone()), Some(InputError::KeyLength));
    assert_eq!(try_one(vec![1; 1025], value.clone()), Some(InputError::KeyLength));
    assert_eq!(try_one(vec![1], Value::Bytes(vec![0; 513])), Some(InputError::ValueLength));
    assert_eq!(try_one(vec![1], Value::Linked { bytes: vec![], links: vec![] }), Some(InputError::ValueLinks));
    assert_eq!(try_one(vec![1], Value::Linked { bytes: vec![], links: vec![root; 9] }), Some(InputError::ValueLinks));
    for keys in [[b"b", b"a"], [b"a", b"a"]] {
        let edits = keys.map(|key| (key.to_vec(), Some(value.clone()))).to_vec();
        assert_eq!(BatchEdit::new(root, *SALT, edits).err(), Some(InputError::Order));
    }
}

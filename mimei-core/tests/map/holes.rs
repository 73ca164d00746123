//! Operations with nodes missing: they say what, and end with the same result in few rounds.

use std::ops::Bound;

use mimei_core::cid::Cid;
use mimei_core::map::{Map, MapError, Range, Value};
use proptest::prelude::*;

use crate::store::Store;
use crate::world::{Content, KEYS, Random, apply_to_model, build, config, content, edit, edits};
use crate::{diffs, merges};

/// Hides every node with a chance of `percent`.
fn hide(store: &Store, percent: usize, random: &mut Random) {
    store.hide_all();
    store.hidden.borrow_mut().retain(|_| random.below(100) < percent);
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn reading_brings_what_is_missing(model in content(1..900), percent in 10_usize..=100, seed in any::<u64>()) {
        let mut store = Store::default();
        let mut random = Random(seed);
        let root = build(&model, &mut store);
        let height = usize::from(store.nodes[&root].level()) + 1;
        let key = &KEYS[random.below(KEYS.len())];
        let n = random.below(model.len());
        hide(&store, percent, &mut random);
        let found = store.until_there(|| Map::at(&store, root).get(key));
        prop_assert_eq!(found.map(|entry| entry.value().to_value()), model.get(key).cloned());
        prop_assert!(store.rounds.get() <= height);
        hide(&store, percent, &mut random);
        let rank = store.until_there(|| Map::at(&store, root).rank(key));
        prop_assert_eq!(rank, model.range::<Vec<u8>, _>(..key).count() as u64);
        prop_assert!(store.rounds.get() <= height);
        hide(&store, percent, &mut random);
        let found = store.until_there(|| Map::at(&store, root).nth(n as u64)).unwrap();
        prop_assert_eq!(Some(found.key()), model.keys().nth(n).map(Vec::as_slice));
        prop_assert!(store.rounds.get() <= height);
    }

    #[test]
    fn a_range_names_all_it_needs_of_a_level_at_once(model in content(1..1200), limit in 1_usize..900, seed in any::<u64>(), reverse: bool) {
        let mut store = Store::default();
        let mut random = Random(seed);
        let root = build(&model, &mut store);
        let from = &KEYS[random.below(KEYS.len())];
        store.hide_all();
        let range = if reverse {
            Range { to: Bound::Included(from), reverse, ..Range::ALL }
        } else {
            Range { from: Bound::Included(from), ..Range::ALL }
        };
        let page = store.until_there(|| Map::at(&store, root).range(range, limit));
        let expected: Vec<_> = if reverse {
            model.range::<Vec<u8>, _>(..=from).rev().take(limit).map(|(key, _)| key).collect()
        } else {
            model.range::<Vec<u8>, _>(from..).take(limit).map(|(key, _)| key).collect()
        };
        let found: Vec<_> = page.items.iter().map(|entry| entry.key()).collect();
        prop_assert_eq!(found, expected);
        // A level at a time, and once more at each because the first node is in the range only in part.
        let height = usize::from(store.nodes[&root].level()) + 1;
        prop_assert!(store.rounds.get() <= 2 * height, "{} rounds", store.rounds.get());
        let unread = store.walk(root).len() - store.reads();
        prop_assert!(store.hidden.borrow().len() >= unread, "it brought what it did not read");
    }

    #[test]
    fn edits_end_as_if_nothing_had_been_missing(
        model in content(0..1200), batch in edits(0..80), percent in 10_usize..=100, seed in any::<u64>(),
    ) {
        let mut store = Store::default();
        let root = build(&model, &mut store);
        let mut new = model;
        apply_to_model(&mut new, &batch);
        hide(&store, percent, &mut Random(seed));
        let edited = edit(root, &batch, &mut store);
        let rounds = store.rounds.get();
        prop_assert_eq!(edited, build(&new, &mut store));
        prop_assert!(rounds <= 12, "{} rounds for {} edits", rounds, batch.len());
    }

    #[test]
    fn diffs_and_merges_end_as_if_nothing_had_been_missing(
        base in content(0..900), left in edits(0..60), right in edits(0..60), percent in 10_usize..=100, seed in any::<u64>(),
    ) {
        let mut store = Store::default();
        let mut random = Random(seed);
        let (mut a, mut b) = (base.clone(), base.clone());
        apply_to_model(&mut a, &left);
        apply_to_model(&mut b, &right);
        let roots = [&base, &a, &b].map(|content| build(content, &mut store));
        let (merged, conflicts) = merges::expected(&base, &a, &b);
        let merged = build(&merged, &mut store);
        hide(&store, percent, &mut random);
        prop_assert_eq!(diffs::all(&store, roots[0], roots[1], 70), diffs::expected(&base, &a));
        hide(&store, percent, &mut random);
        prop_assert_eq!(merges::merge(&mut store, roots[0], roots[1], roots[2]), (merged, conflicts));
    }
}

#[test]
fn a_batch_and_a_diff_need_few_rounds_when_nothing_is_there() {
    let mut store = Store::default();
    let mut random = Random(6);
    let mut model: Content = (0..50_000_u32).map(|n| (n.to_be_bytes().to_vec(), Value::Bytes(vec![1; 30]))).collect();
    let root = build(&model, &mut store);
    let height = usize::from(store.nodes[&root].level()) + 1;
    let key = |random: &mut Random| (random.below(60_000) as u32).to_be_bytes().to_vec();
    let batch = (0..100).map(|_| (key(&mut random), Some(Value::Bytes(vec![2])))).collect();
    apply_to_model(&mut model, &batch);
    store.hide_all();
    let edited = edit(root, &batch, &mut store);
    assert_eq!(edited, build(&model, &mut store));
    // The paths, and for some edits in split groups what lies around.
    let rounds = store.rounds.get();
    assert!(rounds <= height + 4, "{rounds} rounds of an edit, height {height}");
    store.hide_all();
    assert_eq!(diffs::all(&store, root, edited, 10_000).len(), batch.len());
    let rounds = store.rounds.get();
    assert!(rounds <= height + 1, "{rounds} rounds of a diff, height {height}");
}

#[test]
fn a_hole_that_is_not_filled_is_named_again() {
    let mut store = Store::default();
    let model: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![1; 30]))).collect();
    let root = build(&model, &mut store);
    let leaf: Cid = *store.walk(root).iter().find(|(_, node)| node.level() == 0).map(|(cid, _)| cid).unwrap();
    store.hidden.borrow_mut().insert(leaf);
    let first = store.nodes[&leaf].key(0).to_vec();
    for _ in 0..2 {
        assert_eq!(Map::at(&store, root).get(&first).err(), Some(MapError::Missing(vec![leaf])));
    }
}

//! A diff is the difference of the models and costs what changed.

use std::collections::BTreeMap;

use mimei_core::cid::Cid;
use mimei_core::map::{Change, Diff, Value};
use proptest::prelude::*;

use crate::store::Store;
use crate::world::{Content, Edits, Random, apply_to_model, build, config, content, edit, edits};

type Seen = Vec<(Vec<u8>, Option<Value>, Option<Value>)>;

fn seen(changes: &[Change]) -> Seen {
    let value = |entry: &Option<mimei_core::map::Entry>| entry.as_ref().map(|entry| entry.value().to_value());
    changes.iter().map(|change| (change.key().to_vec(), value(&change.old), value(&change.new))).collect()
}

pub(crate) fn expected(old: &Content, new: &Content) -> Seen {
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let all = keys.into_iter().map(|key| (key.clone(), old.get(key).cloned(), new.get(key).cloned()));
    all.filter(|(_, old, new)| old != new).collect()
}

/// All changes, in pages, waiting for what is missing.
pub(crate) fn all(store: &Store, old: Cid, new: Cid, limit: usize) -> Seen {
    let mut diff = Diff::new(old, new);
    let mut found = Vec::new();
    loop {
        let page = store.until_there(|| diff.page(store, limit));
        assert!(page.items.len() <= limit);
        found.extend(seen(&page.items));
        if page.done {
            return found;
        }
    }
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn a_diff_is_the_difference_of_the_models(old in content(0..1000), batch in edits(0..50), limit in 1_usize..100) {
        let mut store = Store::default();
        let mut new = old.clone();
        apply_to_model(&mut new, &batch);
        let roots = (build(&old, &mut store), build(&new, &mut store));
        prop_assert_eq!(all(&store, roots.0, roots.1, limit), expected(&old, &new));
        prop_assert_eq!(all(&store, roots.1, roots.0, limit), expected(&new, &old));
    }

    #[test]
    fn a_diff_of_unlike_maps_is_the_difference_of_the_models(old in content(0..600), new in content(0..60)) {
        let mut store = Store::default();
        let roots = (build(&old, &mut store), build(&new, &mut store));
        prop_assert_eq!(all(&store, roots.0, roots.1, 1000), expected(&old, &new));
    }

    #[test]
    fn a_diff_goes_on_behind_a_key(old in content(0..1000), batch in edits(1..50), at in 0_usize..50) {
        let mut store = Store::default();
        let mut new = old.clone();
        apply_to_model(&mut new, &batch);
        let roots = (build(&old, &mut store), build(&new, &mut store));
        let key = batch.keys().nth(at.min(batch.len() - 1)).unwrap().clone();
        let rest: Seen = expected(&old, &new).into_iter().filter(|(changed, ..)| *changed > key).collect();
        let page = Diff::after(roots.0, roots.1, key).page(&store, usize::MAX).unwrap();
        prop_assert!(page.done);
        prop_assert_eq!(seen(&page.items), rest);
    }
}

#[test]
fn a_diff_reads_what_changed_and_not_the_rest() {
    let mut store = Store::default();
    let mut random = Random(2);
    let old: Content = (0..60_000_u32).map(|n| (n.to_be_bytes().to_vec(), Value::Bytes(vec![3; 20]))).collect();
    let root = build(&old, &mut store);
    let nodes = store.walk(root).len();
    for changes in [1, 10, 100] {
        let value = |random: &mut Random| (random.below(2) == 0).then(|| Value::Bytes(vec![4; 10]));
        let batch: Edits = (0..changes)
            .map(|_| ((random.below(70_000) as u32).to_be_bytes().to_vec(), value(&mut random)))
            .collect::<BTreeMap<_, _>>();
        let mut new = old.clone();
        apply_to_model(&mut new, &batch);
        let edited = edit(root, &batch, &mut store);
        store.forget_counts();
        assert_eq!(all(&store, root, edited, 1000), expected(&old, &new));
        // Two trees, a path of three levels, now and then a neighbour.
        let reads = store.reads();
        assert!(reads <= changes * 8 + 8, "{reads} of {nodes} nodes read for {changes} changes");
    }
}

#[test]
fn equal_maps_are_not_read() {
    let mut store = Store::default();
    let root = build(&Content::from([(vec![1], Value::Bytes(vec![]))]), &mut store);
    store.forget_counts();
    assert!(Diff::new(root, root).page(&store, 1).unwrap().done);
    assert_eq!(store.reads(), 0);
}

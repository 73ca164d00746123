//! A merge has the changes of both sides, and does not care which side is which.

use std::collections::BTreeSet;

use mimei_core::cid::Cid;
use mimei_core::map::{Clash, MapError, Merge, Outcome, Value, Verdict};
use proptest::prelude::*;

use crate::store::Store;
use crate::world::{Content, KEYS, SALT, apply_to_model, build, config, content, edit, edits};

fn value_of(entry: &Option<mimei_core::map::Entry>) -> Option<Value> {
    entry.as_ref().map(|entry| entry.value().to_value())
}

/// Change beats delete, then more bytes beat fewer, and equal lengths are joined: the same from both sides.
fn verdict(base: Option<Value>, a: Option<Value>, b: Option<Value>) -> Verdict {
    let rank = |value: &Option<Value>| value.as_ref().map(|value| (value.bytes().to_vec(), value.links().to_vec()));
    let outcome = match rank(&a).cmp(&rank(&b)) {
        std::cmp::Ordering::Greater => Outcome::A,
        std::cmp::Ordering::Less => Outcome::B,
        std::cmp::Ordering::Equal => Outcome::New(base.clone()),
    };
    Verdict { outcome, conflict: base.is_some() }
}

fn resolve(clash: &Clash) -> Verdict {
    verdict(value_of(&clash.base), value_of(&clash.a), value_of(&clash.b))
}

pub(crate) fn merge(store: &mut Store, base: Cid, a: Cid, b: Cid) -> (Cid, Vec<Vec<u8>>) {
    let mut merge = Merge::new(base, a, b, *SALT);
    let mut conflicts = Vec::new();
    loop {
        match merge.step(store, resolve) {
            Ok(step) => {
                conflicts.extend(step.conflicts.iter().map(|clash| clash.key().to_vec()));
                if let Some(root) = step.root {
                    return (root, conflicts);
                }
            }
            Err(error) => store.bring(error),
        }
    }
}

pub(crate) fn expected(base: &Content, a: &Content, b: &Content) -> (Content, Vec<Vec<u8>>) {
    let (mut merged, mut conflicts) = (Content::new(), Vec::new());
    let keys: BTreeSet<_> = base.keys().chain(a.keys()).chain(b.keys()).collect();
    for key in keys {
        let [base, a, b] = [base, a, b].map(|content| content.get(key).cloned());
        let value = if a == b || b == base {
            a
        } else if a == base {
            b
        } else {
            let verdict = verdict(base, a.clone(), b.clone());
            if verdict.conflict {
                conflicts.push(key.clone());
            }
            match verdict.outcome {
                Outcome::A => a,
                Outcome::B => b,
                Outcome::New(value) => value,
            }
        };
        merged.extend(value.map(|value| (key.clone(), value)));
    }
    (merged, conflicts)
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn a_merge_is_the_merge_of_the_models(base in content(0..900), left in edits(0..80), right in edits(0..80)) {
        let mut store = Store::default();
        let (mut a, mut b) = (base.clone(), base.clone());
        apply_to_model(&mut a, &left);
        apply_to_model(&mut b, &right);
        let (merged, conflicts) = expected(&base, &a, &b);
        let [base, a, b, merged] = [&base, &a, &b, &merged].map(|content| build(content, &mut store));
        prop_assert_eq!(merge(&mut store, base, a, b), (merged, conflicts.clone()));
        prop_assert_eq!(merge(&mut store, base, b, a), (merged, conflicts));
        prop_assert_eq!(merge(&mut store, base, a, base), (a, vec![]));
        prop_assert_eq!(merge(&mut store, base, base, a), (a, vec![]));
        prop_assert_eq!(merge(&mut store, base, a, a), (a, vec![]));
    }
}

#[test]
fn a_merge_of_more_changes_than_one_batch_is_whole() {
    let mut store = Store::default();
    let key = |n: u32| n.to_be_bytes().to_vec();
    let entries = |from: u32, to: u32| (from..to).map(move |n| (key(n), Value::Bytes(vec![1]))).collect::<Content>();
    let [base, a, b, both] =
        [(0, 0), (0, 10_000), (5_000, 40_000), (0, 40_000)].map(|(from, to)| build(&entries(from, to), &mut store));
    assert_eq!(merge(&mut store, base, a, b), (both, vec![]));
    assert_eq!(merge(&mut store, base, b, a), (both, vec![]));
}

#[test]
fn a_verdict_that_does_not_fit_is_refused_and_asked_for_again() {
    let mut store = Store::default();
    let one = |fill: u8| Content::from([(KEYS[5].clone(), Value::Bytes(vec![fill]))]);
    let [base, a, b] = [&Content::new(), &one(1), &one(2)].map(|content| build(content, &mut store));
    let mut merge = Merge::new(base, a, b, *SALT);
    let new = |length: usize| Verdict { outcome: Outcome::New(Some(Value::Bytes(vec![0; length]))), conflict: true };
    assert!(matches!(merge.step(&mut store, |_| new(513)), Err(MapError::Verdict(_))));
    let step = merge.step(&mut store, |_| new(512)).unwrap();
    assert_eq!(step.conflicts.len(), 1);
    let root = merge.step(&mut store, |_| new(0)).unwrap().root.unwrap();
    let expected = edit(base, &[(KEYS[5].clone(), Some(Value::Bytes(vec![0; 512])))].into(), &mut store);
    assert_eq!(root, expected);
}

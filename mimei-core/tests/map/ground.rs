//! Keys searched for their hashes: an edit stays cheap and nodes stay small.

use std::collections::BTreeMap;

use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{NODE_WEIGHT_MAX, Value};

use crate::reference;
use crate::store::Store;
use crate::world::{Content, Random, SALT, apply_to_model, build, edit};

/// Nodes that one edit may write at one level of a split group; seen are at most 5.
const WRITTEN_AT_A_LEVEL_MAX: usize = 8;
/// Nodes that one edit may read at one level; the rule needs less than 64 to either side.
const READ_AT_A_LEVEL_MAX: usize = 64;

fn small_value(n: u64) -> Value {
    Value::Bytes(n.to_be_bytes().to_vec())
}

/// Makes single edits, checks each against a build from nothing, and gives the most nodes written and
/// read by one of them at one level.
fn worst_single_edits(mut model: Content, fresh: &[Vec<u8>], count: u64) -> (usize, usize) {
    let mut store = Store::default();
    let mut random = Random(3);
    let mut root = build(&model, &mut store);
    let mut worst = (0, 0);
    for n in 0..count {
        let key = if n % 2 == 0 {
            fresh[random.below(fresh.len())].clone()
        } else {
            model.keys().nth(random.below(model.len())).unwrap().clone()
        };
        let value = (n % 4 > 0).then(|| Value::Bytes(vec![9; random.below(20)])).filter(|_| n % 2 == 0 || n % 3 == 0);
        let one = BTreeMap::from([(key, value)]);
        store.forget_counts();
        root = edit(root, &one, &mut store);
        let read: Vec<Cid> = store.read.borrow().iter().copied().collect();
        worst = (worst.0.max(most_at_a_level(&store, &store.put)), worst.1.max(most_at_a_level(&store, &read)));
        apply_to_model(&mut model, &one);
        assert_eq!(root, build(&model, &mut store), "after edit {n}");
    }
    assert!(store.nodes.values().all(|node| node.weight() <= NODE_WEIGHT_MAX));
    worst
}

fn most_at_a_level(store: &Store, cids: &[Cid]) -> usize {
    let mut levels = BTreeMap::new();
    for cid in cids {
        *levels.entry(store.nodes[cid].level()).or_insert(0) += 1;
    }
    levels.into_values().max().unwrap_or(0)
}

/// Keys that all fall into one group at every level.
fn flat_keys(count: usize) -> Vec<Vec<u8>> {
    let keys = (0_u32..).map(|n| format!("{:08}", n.wrapping_mul(2_654_435_761) % 100_000_000).into_bytes());
    let mut keys: Vec<_> = keys.filter(|key| SALT.level(key) == 0).take(count).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Entries, almost heavy, whose colours have no minimum that cuts them.
fn uncut_entries(count: usize) -> Content {
    let links: Vec<Cid> = (0..8_u8).map(|n| Cid::of(Codec::Raw, &[n])).collect();
    let value = Value::Linked { bytes: vec![1; 512], links };
    let mut keys = Vec::new();
    assert!(extend_uncut(&mut keys, count), "there is such a run");
    keys.into_iter().map(|key| (key, value.clone())).collect()
}

fn extend_uncut(keys: &mut Vec<Vec<u8>>, count: usize) -> bool {
    let at = keys.len();
    for nonce in 0..if at < count { 30_u8 } else { 0 } {
        keys.push([&[b'c'; 1000][..], &[at as u8, nonce]].concat());
        let colours = reference::colours(&keys.iter().map(|key| &key[..]).collect::<Vec<_>>());
        let is_cut = at >= 3 && colours[at - 2] > colours[at - 1] && colours[at - 1] < colours[at];
        if SALT.level(&keys[at]) == 0 && !is_cut && extend_uncut(keys, count) {
            return true;
        }
        keys.pop();
    }
    at == count
}

#[test]
fn a_map_that_is_one_huge_group_has_the_tree_of_the_text() {
    let mut store = Store::default();
    let big = |n: u64| Value::Bytes(n.to_be_bytes().repeat(8));
    let content: Content = flat_keys(25_000).into_iter().zip(0..).map(|(key, n)| (key, big(n))).collect();
    let root = build(&content, &mut store);
    assert_eq!(root, reference::root(&content, &mut store));
    let leaves = store.walk(root).iter().filter(|(_, node)| node.level() == 0).count();
    assert!((350..800).contains(&leaves), "{leaves} leaves for 2 MB");
}

#[test]
fn an_edit_in_one_huge_group_stays_near_its_place() {
    let keys = flat_keys(12_000);
    let (fresh, there): (Vec<_>, Vec<_>) = keys.into_iter().zip(0..).partition(|(_, n)| n % 3 == 0);
    let model = there.into_iter().map(|(key, n)| (key, small_value(n))).collect();
    let fresh: Vec<_> = fresh.into_iter().map(|(key, _)| key).collect();
    let (written, read) = worst_single_edits(model, &fresh, 120);
    assert!(written <= WRITTEN_AT_A_LEVEL_MAX, "{written} nodes written at a level");
    assert!(read <= READ_AT_A_LEVEL_MAX, "{read} nodes read at a level");
}

#[test]
fn many_edits_in_one_huge_group_are_one_batch() {
    let mut store = Store::default();
    let mut random = Random(8);
    let keys = flat_keys(9_000);
    let mut model: Content = keys.iter().step_by(2).map(|key| (key.clone(), small_value(1))).collect();
    let mut root = build(&model, &mut store);
    for size in [2, 5, 30, 200, 2_500] {
        let value = |random: &mut Random| (random.below(3) > 0).then(|| small_value(random.next()));
        let batch = (0..size).map(|_| (keys[random.below(keys.len())].clone(), value(&mut random))).collect();
        root = edit(root, &batch, &mut store);
        apply_to_model(&mut model, &batch);
        assert_eq!(root, build(&model, &mut store), "after a batch of {size}");
    }
}

#[test]
fn colours_chosen_against_the_cut_do_not_make_a_node_too_heavy() {
    let mut store = Store::default();
    // Blocks of more than five are one in a hundred thousand; and the bound is 12.
    let mut model = uncut_entries(6);
    let (_, value) = model.first_key_value().unwrap();
    let more = (0..5_u8).map(|n| ([&[b'd'; 1000][..], &[n]].concat(), value.clone()));
    model.extend(more.filter(|(key, _)| SALT.level(key) == 0).collect::<Vec<_>>());
    let root = build(&model, &mut store);
    assert_eq!(root, reference::root(&model, &mut store));
    let heaviest = store.walk(root).iter().map(|(_, node)| node.weight()).max().unwrap();
    assert!((9_000..=NODE_WEIGHT_MAX).contains(&heaviest), "{heaviest}");
    let near: Vec<_> = model.keys().map(|key| [&key[..], &[7]].concat()).filter(|key| SALT.level(key) == 0).collect();
    let (written, _) = worst_single_edits(model.clone(), &near, 40);
    assert!(written <= WRITTEN_AT_A_LEVEL_MAX, "{written} nodes written at a level");
    model.extend(flat_keys(800).into_iter().map(|key| (key, small_value(1))));
    let (written, _) = worst_single_edits(model, &near, 40);
    assert!(written <= WRITTEN_AT_A_LEVEL_MAX, "{written} nodes written at a level");
}

#[test]
fn keys_of_high_levels_cost_a_node_for_each_level() {
    let mut store = Store::default();
    let mut random = Random(4);
    let high: Vec<Vec<u8>> =
        (0_u32..).map(|n| n.to_le_bytes().to_vec()).filter(|key| SALT.level(key) >= 2).take(200).collect();
    let levels: usize = high.iter().map(|key| usize::from(SALT.level(key))).sum();
    let mut model: Content = high.iter().map(|key| (key.clone(), small_value(1))).collect();
    let mut root = build(&model, &mut store);
    assert_eq!(root, reference::root(&model, &mut store));
    let nodes = store.walk(root).len();
    assert!(nodes <= levels + 16, "{nodes} nodes for {levels} levels");
    let height = usize::from(store.nodes[&root].level()) + 1;
    for n in 0..100 {
        let key = high[random.below(high.len())].clone();
        let one = BTreeMap::from([(key.clone(), (!model.contains_key(&key)).then(|| small_value(n)))]);
        store.forget_counts();
        root = edit(root, &one, &mut store);
        let written = most_at_a_level(&store, &store.put);
        assert!(written <= 2 && store.put.len() <= 2 * height, "{} nodes written", store.put.len());
        apply_to_model(&mut model, &one);
        assert_eq!(root, build(&model, &mut store));
    }
}

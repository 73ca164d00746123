//! The tree made level by level exactly as the text of the format says, without any cleverness.

use std::collections::BTreeMap;

use mimei_core::cbor::Writer;
use mimei_core::cid::Cid;
use mimei_core::map::{NodeSink, Salt, Value};

use crate::store::Store;
use crate::world::SALT_BYTES;

#[derive(Clone)]
enum Payload {
    Value(Value),
    Child(Cid, u64),
}

type Item = (Vec<u8>, Payload);

/// The root of a map with this content.
pub(crate) fn root(content: &BTreeMap<Vec<u8>, Value>, store: &mut Store) -> Cid {
    let mut items: Vec<Item> =
        content.iter().map(|(key, value)| (key.clone(), Payload::Value(value.clone()))).collect();
    if items.is_empty() {
        return node(0, &items, store);
    }
    for tree_level in 0.. {
        let mut nodes: Vec<Vec<Item>> = Vec::new();
        for group in groups(tree_level, items) {
            if weight(&group) <= 16_384 { nodes.push(group) } else { nodes.extend(split(group)) }
        }
        items = nodes.iter().map(|items| (items[0].0.clone(), name(tree_level, items, store))).collect();
        if let [(_, Payload::Child(root, _))] = items[..] {
            return root;
        }
    }
    unreachable!("every map ends in one node")
}

fn hash(key: &[u8]) -> [u8; 64] {
    let mut output = [0; 64];
    blake3::Hasher::new_keyed(&SALT_BYTES).update(key).finalize_xof().fill(&mut output);
    output
}

pub(crate) fn level(key: &[u8]) -> u8 {
    let first = u64::from_be_bytes(hash(key)[..8].try_into().unwrap());
    let level = (first.leading_zeros() / 6) as u8;
    assert_eq!(level, Salt::new(SALT_BYTES).level(key));
    level
}

fn groups(tree_level: u8, items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut groups: Vec<Vec<Item>> = Vec::new();
    for item in items {
        match groups.last_mut() {
            Some(group) if level(&item.0) <= tree_level => group.push(item),
            _ => groups.push(vec![item]),
        }
    }
    groups
}

fn weight(items: &[Item]) -> usize {
    let one = |(key, payload): &Item| match payload {
        Payload::Value(value) => 8 + key.len() + value.bytes().len() + 40 * value.links().len(),
        Payload::Child(..) => 56 + key.len(),
    };
    items.iter().map(one).sum()
}

fn is_light(piece: &[Item]) -> bool {
    weight(piece) < 2048
}

fn split(group: Vec<Item>) -> Vec<Vec<Item>> {
    let mut pieces: Vec<Vec<Item>> = group.into_iter().map(|item| vec![item]).collect();
    while pieces.windows(2).any(|pair| is_light(&pair[0]) && is_light(&pair[1])) {
        pieces = pieces
            .chunk_by(|a, b| is_light(a) && is_light(b))
            .flat_map(|run| if run.len() > 1 { merge_run(run) } else { run.to_vec() })
            .collect();
    }
    let mut out: Vec<Vec<Item>> = Vec::new();
    let mut first_light = Vec::new();
    for piece in pieces {
        match out.last_mut() {
            Some(last) if is_light(&piece) => last.extend(piece),
            None if is_light(&piece) => first_light = piece,
            _ => out.push([std::mem::take(&mut first_light), piece].concat()),
        }
    }
    out
}

fn merge_run(run: &[Vec<Item>]) -> Vec<Vec<Item>> {
    let keys: Vec<&[u8]> = run.iter().map(|piece| &piece[0].0[..]).collect();
    let colours = colours(&keys);
    let mut out: Vec<Vec<Item>> = Vec::new();
    for (i, piece) in run.iter().enumerate() {
        let starts = i >= 2 && i + 1 < run.len() && colours[i] < colours[i - 1] && colours[i] < colours[i + 1];
        if i == 0 || starts { out.push(piece.clone()) } else { out.last_mut().unwrap().extend(piece.clone()) }
    }
    out
}

/// The colours of a run of light pieces that begin with these keys.
pub(crate) fn colours(keys: &[&[u8]]) -> Vec<usize> {
    // A colour is its bits, lowest first.
    let label = |key: &&[u8]| {
        let hash = hash(key);
        (0..256).map(|k| hash[32 + k / 8] >> (k % 8) & 1 == 1).collect()
    };
    let mut colours: Vec<Vec<bool>> = keys.iter().map(label).collect();
    for _ in 0..5 {
        let next = |i: usize| {
            let k = if i == 0 { 0 } else { (0..256).find(|k| colours[i][*k] != colours[i - 1][*k]).unwrap() };
            let colour = 2 * k + usize::from(colours[i][k]);
            (0..256).map(|k| k < 16 && colour >> k & 1 == 1).collect()
        };
        colours = (0..colours.len()).map(next).collect();
    }
    let number = |colour: &Vec<bool>| (0..16).map(|k| usize::from(colour[k]) << k).sum();
    let numbers: Vec<usize> = colours.iter().map(number).collect();
    assert!(numbers.iter().all(|colour| *colour <= 5));
    numbers
}

fn name(tree_level: u8, items: &[Item], store: &mut Store) -> Payload {
    let count = items.iter().map(|(_, payload)| if let Payload::Child(_, count) = payload { *count } else { 1 }).sum();
    Payload::Child(node(tree_level, items, store), count)
}

fn node(tree_level: u8, items: &[Item], store: &mut Store) -> Cid {
    let mut links: Vec<Cid> = Vec::new();
    let mut index = |cid: &Cid| match links.iter().position(|link| link == cid) {
        Some(index) => index as u64,
        None => {
            links.push(*cid);
            links.len() as u64 - 1
        }
    };
    let mut w = Writer::new();
    w.array(2);
    w.uint(u64::from(tree_level));
    w.array(items.len() as u64 * if tree_level == 0 { 2 } else { 3 });
    for (key, payload) in items {
        w.bytes(key);
        match payload {
            Payload::Value(Value::Bytes(bytes)) => w.bytes(bytes),
            Payload::Value(Value::Block(cid)) => w.uint(index(cid)),
            Payload::Value(Value::Linked { bytes, links }) => {
                w.array(1 + links.len() as u64);
                w.bytes(bytes);
                links.iter().for_each(|link| w.uint(index(link)));
            }
            Payload::Child(cid, count) => {
                w.uint(index(cid));
                w.uint(*count);
            }
        }
    }
    store.put(w.into_bytes(), links)
}

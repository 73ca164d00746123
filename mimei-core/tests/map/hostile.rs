//! Nodes that someone made to break a reader.

use std::sync::Arc;

use mimei_core::cbor::Writer;
use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{
    BatchEdit, Diff, EditStep, LEVEL_MAX, Map, MapError, Merge, Node, NodeSource, Outcome, Range, Value, Verdict,
};

use crate::store::{Store, stored};
use crate::world::{Content, KEYS, Random, SALT, build};

fn cid(n: u8) -> Cid {
    Cid::of(Codec::Raw, &[n])
}

/// The plaintext of a node, its parts written by `parts`.
fn body(level: u64, count: u64, parts: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(2);
    w.uint(level);
    w.array(count);
    parts(&mut w);
    w.into_bytes()
}

fn leaf(keys: &[&[u8]]) -> Vec<u8> {
    body(0, 2 * keys.len() as u64, |w| {
        for key in keys {
            w.bytes(key);
            w.bytes(b"v");
        }
    })
}

fn inner(level: u64, children: &[(&[u8], u64, u64)]) -> Vec<u8> {
    body(level, 3 * children.len() as u64, |w| {
        for (key, index, count) in children {
            w.bytes(key);
            w.uint(*index);
            w.uint(*count);
        }
    })
}

fn is_refused(body: Vec<u8>, links: &[Cid]) -> bool {
    Node::decode(body, links.to_vec()).is_err()
}

#[test]
fn nodes_that_are_not_canonical_are_refused() {
    assert!(!is_refused(leaf(&[b"a", b"b"]), &[]));
    assert!(!is_refused(inner(1, &[(b"a", 0, 3), (b"b", 1, 1)]), &[cid(0), cid(1)]));
    assert!(is_refused(leaf(&[b"b", b"a"]), &[]), "falling keys");
    assert!(is_refused(leaf(&[b"a", b"a"]), &[]), "a key twice");
    assert!(is_refused(leaf(&[b""]), &[]), "an empty key");
    assert!(is_refused(leaf(&[&[1; 1025]]), &[]), "a key too long");
    assert!(is_refused(body(0, 1, |w| w.bytes(b"a")), &[]), "a key without a value");
    assert!(is_refused([leaf(&[b"a"]), vec![0]].concat(), &[]), "bytes behind it");
    assert!(is_refused(body(1, 0, |_| ()), &[]), "an inner node without children");
    assert!(is_refused(inner(u64::from(LEVEL_MAX) + 1, &[(b"a", 0, 1)]), &[cid(0)]), "a level too high");
    assert!(is_refused(inner(1, &[(b"a", 0, 0)]), &[cid(0)]), "a child without entries");
    assert!(is_refused(inner(1, &[(b"a", 0, u64::MAX), (b"b", 1, u64::MAX)]), &[cid(0), cid(1)]), "too many entries");
    let big = |w: &mut Writer| {
        w.bytes(b"a");
        w.bytes(&[0; 513]);
    };
    assert!(is_refused(body(0, 2, big), &[]), "a value too long");
    let keys: Vec<Vec<u8>> = (0..40_u8).map(|n| [&[n][..], &[0; 1000]].concat()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    assert!(!is_refused(leaf(&keys[..28]), &[]));
    assert!(is_refused(leaf(&keys), &[]), "a node too heavy");
}

#[test]
fn links_must_be_used_each_once_and_in_order_of_first_use() {
    let value = |indices: &'static [u64]| {
        body(0, 2, |w| {
            w.bytes(b"a");
            w.array(1 + indices.len() as u64);
            w.bytes(b"v");
            indices.iter().for_each(|index| w.uint(*index));
        })
    };
    assert!(!is_refused(value(&[0, 1, 0]), &[cid(0), cid(1)]));
    assert!(is_refused(value(&[0]), &[cid(0), cid(1)]), "a link not used");
    assert!(is_refused(value(&[0, 1]), &[cid(0)]), "a link that is missing");
    assert!(is_refused(value(&[1, 0]), &[cid(0), cid(1)]), "not in order of first use");
    assert!(is_refused(value(&[0, 1]), &[cid(0), cid(0)]), "a link listed twice");
    assert!(is_refused(value(&[]), &[]), "a list of no links");
    assert!(is_refused(value(&[0; 9]), &[cid(0)]), "nine links");
    assert!(is_refused(leaf(&[b"a"]), &[cid(0)]), "a link of no value");
}

#[test]
fn a_node_with_keys_that_begin_another_does_not_obey() {
    let starts = KEYS.iter().find(|key| SALT.level(key) == 1).unwrap();
    let mut before = starts.clone();
    before.pop();
    let node = Node::decode(leaf(&[&before, starts]), vec![]).unwrap();
    assert!(!node.obeys(&SALT));
    assert!(Node::decode(leaf(&[starts]), vec![]).unwrap().obeys(&SALT));
}

/// Serves what it was given, obedient or not.
#[derive(Default)]
struct Lies(Vec<(Cid, Arc<Node>)>);

impl Lies {
    fn add(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let cid = Cid::of(Codec::DagCbor, &stored(&body, &links));
        self.0.push((cid, Arc::new(Node::decode(body, links).unwrap())));
        cid
    }
}

impl NodeSource for Lies {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.0.iter().find(|(known, _)| known == cid).map(|(_, node)| node.clone())
    }
}

#[test]
fn a_child_that_is_not_what_its_parent_says_is_damage() {
    let mut lies = Lies::default();
    let good = lies.add(leaf(&[b"m", b"p"]), vec![]);
    let deep = lies.add(inner(1, &[(b"m", 0, 2)]), vec![good]);
    for (key, cid, count) in [(&b"m"[..], good, 3), (b"n", good, 2), (b"m", deep, 2)] {
        let other = lies.add(leaf(&[b"x"]), vec![]);
        let root = lies.add(inner(1, &[(key, 0, count), (b"x", 1, 1)]), vec![cid, other]);
        assert!(matches!(Map::at(&lies, root).get(b"p"), Err(MapError::Damaged { node, .. }) if node == cid));
        assert!(matches!(Map::at(&lies, root).range(Range::ALL, 9), Err(MapError::Damaged { .. })));
        assert!(matches!(Diff::new(root, good).page(&lies, 9), Err(MapError::Damaged { .. })));
    }
    let other = lies.add(leaf(&[b"o"]), vec![]);
    let overlap = lies.add(inner(1, &[(b"m", 0, 2), (b"o", 1, 1)]), vec![good, other]);
    assert!(matches!(Map::at(&lies, overlap).get(b"n"), Err(MapError::Damaged { .. })));
    assert!(matches!(Map::at(&lies, deep).get(b"m"), Err(MapError::Damaged { .. })), "a root with a single child");
}

#[test]
fn altered_bytes_never_panic_and_never_give_another_node() {
    let mut store = Store::default();
    let content: Content = KEYS
        .iter()
        .zip(0_u8..=255)
        .map(|(key, n)| (key.clone(), Value::Linked { bytes: vec![n; 20], links: vec![cid(n % 7)] }))
        .collect();
    let more: Content = KEYS.iter().map(|key| (key.clone(), Value::Bytes(vec![1; 9]))).collect();
    let roots = [build(&content, &mut store), build(&more, &mut store)];
    let nodes: Vec<(Vec<u8>, Vec<Cid>)> = roots
        .iter()
        .flat_map(|root| store.walk(*root))
        .map(|(cid, node)| {
            let links = node.links().to_vec();
            let block = &store.blocks[&cid];
            (mimei_core::map::BlockOpener::open(&store, &cid, block).unwrap().body, links)
        })
        .collect();
    let mut random = Random(11);
    let mut decoded = 0;
    for _ in 0..40_000 {
        let (body, links) = &nodes[random.below(nodes.len())];
        let (mut body, mut links) = (body.clone(), links.clone());
        mutate(&mut body, &mut random);
        if random.below(10) == 0 {
            links.truncate(random.below(links.len() + 1));
        }
        let (original, original_links) = (body.clone(), links.clone());
        if let Ok(node) = Node::decode(body, links) {
            decoded += 1;
            node.obeys(&SALT);
            assert!(node.count() >= node.len() as u64);
            assert_eq!(reencoded(&node), (original, original_links), "only one encoding of a node is accepted");
        }
    }
    assert!(decoded > 1000, "{decoded} altered nodes were nodes");
}

fn mutate(body: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(body.len().max(2) - 1);
        match random.below(4) {
            0 => body[at] = random.next() as u8,
            1 => body[at] ^= 1 << random.below(8),
            2 => body.truncate(at),
            _ => body.insert(at, random.next() as u8),
        }
        if body.is_empty() {
            return;
        }
    }
}

/// The node written again from what it says.
fn reencoded(node: &Node) -> (Vec<u8>, Vec<Cid>) {
    let mut links: Vec<Cid> = Vec::new();
    let mut index = |w: &mut Writer, cid: &Cid| {
        let at = links.iter().position(|link| link == cid).unwrap_or_else(|| {
            links.push(*cid);
            links.len() - 1
        });
        w.uint(at as u64);
    };
    let mut w = Writer::new();
    w.array(2);
    w.uint(u64::from(node.level()));
    w.array(node.len() as u64 * if node.level() == 0 { 2 } else { 3 });
    for (key, cid, count) in node.children() {
        w.bytes(key);
        index(&mut w, cid);
        w.uint(count);
    }
    for at in 0..if node.level() == 0 { node.len() } else { 0 } {
        w.bytes(node.key(at));
        match node.value(at).unwrap().to_value() {
            Value::Bytes(bytes) => w.bytes(&bytes),
            Value::Block(cid) => index(&mut w, &cid),
            Value::Linked { bytes, links } => {
                w.array(1 + links.len() as u64);
                w.bytes(&bytes);
                links.iter().for_each(|cid| index(&mut w, cid));
            }
        }
    }
    (w.into_bytes(), links)
}

/// Trees of altered nodes that name each other: whatever they are, every operation ends.
#[test]
fn operations_on_altered_trees_end_without_a_panic() {
    let mut random = Random(12);
    for _ in 0..300 {
        let mut store = Store::default();
        let mut level: Vec<(Vec<u8>, Cid, u64)> = Vec::new();
        let mut keys: Vec<&Vec<u8>> = (0..400).map(|_| &KEYS[random.below(KEYS.len())]).collect();
        keys.sort();
        keys.dedup();
        for chunk in keys.chunk_by(|_, _| random.below(6) > 0) {
            let keys: Vec<&[u8]> = chunk.iter().map(|key| &key[..]).collect();
            level.push((chunk[0].clone(), put(&mut store, leaf(&keys), vec![]), keys.len() as u64));
        }
        for height in 1..=random.below(4) as u64 + 1 {
            let mut above = Vec::new();
            let chunks: Vec<_> = level.chunk_by(|_, _| random.below(9) > 0).collect();
            for chunk in chunks {
                let odd = u64::from(random.below(200) == 0);
                let children: Vec<_> =
                    chunk.iter().zip(0..).map(|((key, _, count), at)| (&key[..], at, count + odd)).collect();
                let links = chunk.iter().map(|(_, cid, _)| *cid).collect();
                let count = chunk.iter().map(|(_, _, count)| count + odd).sum();
                above.push((chunk[0].0.clone(), put(&mut store, inner(height, &children), links), count));
            }
            level = above;
        }
        use_all(&mut store, level[0].1, level[level.len() - 1].1, &mut random);
    }
}

fn put(store: &mut Store, body: Vec<u8>, links: Vec<Cid>) -> Cid {
    let cid = Cid::of(Codec::DagCbor, &stored(&body, &links));
    if let Ok(node) = Node::decode(body, links) {
        store.nodes.insert(cid, Arc::new(node));
    }
    cid
}

fn use_all(store: &mut Store, a: Cid, b: Cid, random: &mut Random) {
    store.obedient = false;
    let key = &KEYS[random.below(KEYS.len())];
    let map = Map::at(store, a);
    let _ = (map.get(key), map.rank(key), map.nth(random.below(400) as u64));
    let content = map.range(Range::ALL, 10_000);
    let _ = Diff::new(a, b).page(store, 100);
    let edits: Content =
        (0..20).map(|_| (KEYS[random.below(KEYS.len())].clone(), Value::Bytes(vec![8; 400]))).collect();
    let mut edit =
        BatchEdit::new(a, *SALT, edits.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())
            .unwrap();
    if let Ok(EditStep::Done(root)) = edit.step(store)
        && let Ok(page) = content
    {
        // The shape was not by the rule, but the content is right.
        let mut expected: Content =
            page.items.iter().map(|entry| (entry.key().to_vec(), entry.value().to_value())).collect();
        expected.extend(edits);
        let page = Map::at(store, root).range(Range::ALL, 10_000).unwrap();
        assert!(page.items.iter().map(|entry| (entry.key().to_vec(), entry.value().to_value())).eq(expected));
    }
    let mut merge = Merge::new(a, b, a, *SALT);
    for _ in 0..10 {
        let _ = merge.step(store, |_| Verdict { outcome: Outcome::A, conflict: true });
    }
}

//! Roots that every implementation must find for the same entries: `tests/vectors/maps.json`.
//!
//! An entry's key is `key-` and its number in six digits, its value that number as text and some
//! padding; every seventh links to the raw block of its value, every eleventh else is that block.
//! Nodes are public blocks. `MIMEI_BLESS=1` writes the
//! file anew; do that only when the format is meant to change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{Builder, Map, Node, NodeSink, NodeSource, Range, Salt, Value};
use mimei_core::seal::{BlockToSeal, Epoch};

/// Salts, numbers of entries, and how heavy those are: none, one leaf, three levels; heavy ones for the
/// many groups that must be split, and split again.
const MAPS: &[(u8, usize, usize)] = &[
    (0, 0, 0),
    (1, 1, 0),
    (1, 2, 0),
    (2, 100, 0),
    (3, 1_000, 0),
    (4, 1_000, 0),
    (5, 20_000, 0),
    (6, 6_000, 400),
    (7, 6_000, 500),
    (8, 6_000, 101),
];

#[derive(Default)]
struct PublicBlocks(HashMap<Cid, Arc<Node>>);

impl NodeSource for PublicBlocks {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.0.get(cid).cloned()
    }
}

impl NodeSink for PublicBlocks {
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let stored = Epoch::Public.seal(BlockToSeal { body: body.clone(), links: links.clone() }).unwrap();
        self.0.insert(stored.cid, Arc::new(Node::decode(body, links).unwrap()));
        stored.cid
    }
}

fn entry(number: usize, heavy: usize) -> (Vec<u8>, Value) {
    let padding = (37 * number).checked_rem(heavy).unwrap_or(0);
    let bytes = format!("{number}{}", "x".repeat(padding)).into_bytes();
    let block = Cid::of(Codec::Raw, &bytes);
    let value = match number {
        _ if number.is_multiple_of(7) => Value::Linked { bytes, links: vec![block] },
        _ if number.is_multiple_of(11) => Value::Block(block),
        _ => Value::Bytes(bytes),
    };
    (format!("key-{number:06}").into_bytes(), value)
}

fn today() -> String {
    let line = |(salt, count, heavy): &(u8, usize, usize)| {
        let (mut blocks, mut builder) = (PublicBlocks::default(), Builder::new(Salt::new([*salt; 32])));
        for (key, value) in (0..*count).map(|number| entry(number, *heavy)) {
            builder.push(key, value, &mut blocks).unwrap();
        }
        let root = builder.finish(&mut blocks);
        let listed = Map::at(&blocks, root).range(Range::ALL, count + 1).unwrap();
        assert_eq!(listed.items.len(), *count);
        let salt = data_encoding::HEXLOWER.encode(&[*salt; 32]);
        let nodes = blocks.0.len();
        format!(r#"{{"salt":"{salt}","entries":{count},"heavy":{heavy},"nodes":{nodes},"root":"{root}"}}"#)
    };
    format!("[\n{}\n]\n", MAPS.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn the_same_entries_have_the_roots_that_the_file_holds() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "tests", "vectors", "maps.json"].iter().collect();
    if std::env::var_os("MIMEI_BLESS").is_some() {
        std::fs::write(&path, today()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), today());
}

//! Roots that every implementation must find for the same entries: `tests/vectors/maps.json`.
//!
//! An entry's key is `key-` and its number in six digits, its value that number as text; every
//! seventh links to the raw block of its value. Nodes are public blocks. `MIMEI_BLESS=1` writes the
//! file anew; do that only when the format is meant to change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{Builder, Map, Node, NodeSink, NodeSource, Range, Salt, Value};
use mimei_core::seal::{BlockToSeal, Epoch};

/// Salts and numbers of entries: none, one leaf, split groups, three levels.
const MAPS: &[(u8, usize)] = &[(0, 0), (1, 1), (1, 2), (2, 100), (3, 1_000), (4, 1_000), (5, 20_000)];

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

fn entry(number: usize) -> (Vec<u8>, Value) {
    let bytes = number.to_string().into_bytes();
    let links = vec![Cid::of(Codec::Raw, &bytes)];
    let value = if number.is_multiple_of(7) { Value::Linked { bytes, links } } else { Value::Bytes(bytes) };
    (format!("key-{number:06}").into_bytes(), value)
}

fn today() -> String {
    let line = |(salt, count): &(u8, usize)| {
        let (mut blocks, mut builder) = (PublicBlocks::default(), Builder::new(Salt::new([*salt; 32])));
        for (key, value) in (0..*count).map(entry) {
            builder.push(key, value, &mut blocks).unwrap();
        }
        let root = builder.finish(&mut blocks);
        let listed = Map::at(&blocks, root).range(Range::ALL, count + 1).unwrap();
        assert_eq!(listed.items.len(), *count);
        let salt = data_encoding::HEXLOWER.encode(&[*salt; 32]);
        let nodes = blocks.0.len();
        format!(r#"{{"salt":"{salt}","entries":{count},"nodes":{nodes},"root":"{root}"}}"#)
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

//! Nodes of maps: the input is a public block, its body the node.

use mimei_core::cbor::Writer;
use mimei_core::cid::{Cid, Codec};
use mimei_core::map::{Builder, Node, NodeSink, Salt, Value};
use mimei_core::seal::{Block, BlockToSeal, Epoch};

#[derive(Default)]
struct Written(Vec<Vec<u8>>);

impl NodeSink for Written {
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let block = public(body, links);
        let cid = Cid::of(Codec::DagCbor, &block);
        self.0.push(block);
        cid
    }
}

/// The form of a public block, also where there are no links.
fn public(body: Vec<u8>, links: Vec<Cid>) -> Vec<u8> {
    let filler = Cid::of(Codec::Raw, b"no links");
    let links = if links.is_empty() { vec![filler] } else { links };
    Epoch::Public.seal(BlockToSeal { body, links }).expect("a node is smaller than a block").bytes
}

/// Nodes of maps of several sizes, leaves and inner ones.
pub(super) fn corpus() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entries in [0, 1, 20, 900] {
        let (mut written, mut builder) = (Written::default(), Builder::new(Salt::new([3; 32])));
        for number in 0..entries {
            let key = format!("key-{number:06}").into_bytes();
            let block = Cid::of(Codec::Raw, &key);
            let value = match number % 5 {
                0 => Value::Block(block),
                1 => Value::Linked { bytes: key.clone(), links: vec![block, Cid::of(Codec::Raw, b"2")] },
                _ => Value::Bytes(vec![1; number % 300]),
            };
            builder.push(key, value, &mut written).expect("keys that rise");
        }
        builder.finish(&mut written);
        all.extend(written.0.into_iter().take(40));
    }
    all
}

/// Reads a node, all of it, and writes it by the rule of the format.
pub(super) fn read(input: &[u8]) -> Result<Vec<u8>, String> {
    let block = Block::parse(Codec::DagCbor, input).map_err(|error| format!("{error:?}"))?;
    let Block::Public { body, links } = block else { return Err("not public".to_owned()) };
    // One link that no leaf names, for leaves without any.
    let without = if body.starts_with(&[0x82, 0]) && links.len() == 1 { Vec::new() } else { links.clone() };
    let (node, links) = match Node::decode(body.to_vec(), without.clone()) {
        Ok(node) => (node, without),
        Err(_) => (Node::decode(body.to_vec(), links.clone()).map_err(|error| format!("{error:?}"))?, links),
    };
    assert_eq!(node.links(), links);
    let (again, named) = written(&node);
    assert_eq!(named, links, "links stand in the order of their first use");
    assert_eq!(again, body, "a node has one encoding");
    Ok(input.to_vec())
}

/// The format's rule of docs/format.md, said again without the code under test.
fn written(node: &Node) -> (Vec<u8>, Vec<Cid>) {
    let (mut w, mut links) = (Writer::new(), Vec::<Cid>::new());
    let mut index = |w: &mut Writer, cid: &Cid| {
        let at = links.iter().position(|known| known == cid).unwrap_or_else(|| {
            links.push(*cid);
            links.len() - 1
        });
        w.uint(at as u64);
    };
    w.array(2);
    w.uint(u64::from(node.level()));
    if node.level() > 0 {
        w.array(3 * node.len() as u64);
        for (key, cid, count) in node.children() {
            w.bytes(key);
            index(&mut w, cid);
            w.uint(count);
        }
    } else {
        w.array(2 * node.len() as u64);
        for at in 0..node.len() {
            w.bytes(node.key(at));
            match node.value(at).expect("a leaf has values").to_value() {
                Value::Bytes(bytes) => w.bytes(&bytes),
                Value::Block(cid) => index(&mut w, &cid),
                Value::Linked { bytes, links } => {
                    w.array(1 + links.len() as u64);
                    w.bytes(&bytes);
                    links.iter().for_each(|link| index(&mut w, link));
                }
            }
        }
    }
    (w.into_bytes(), links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_of_the_corpus_is_read() {
        for block in corpus() {
            assert_eq!(read(&block), Ok(block));
        }
    }
}

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Child, Node, Value};
use crate::cbor::Writer;
use crate::cid::Cid;
use crate::map::limits::{CHILD_WEIGHT, ENTRY_WEIGHT, LINK_WEIGHT};

/// What an item says besides its key.
pub(in crate::map) enum Payload {
    Value(Value),
    Child(Child),
}

/// An item on its way into a node: as it stands in another, or new.
pub(in crate::map) enum Item {
    Stored(Arc<Node>, usize),
    Fresh(Vec<u8>, Payload),
}

impl Payload {
    /// The weight of an item with this payload.
    pub(in crate::map) fn weight(&self, key: &[u8]) -> u32 {
        // Keys and values were checked to be far below 4 GiB.
        match self {
            Self::Value(value) => {
                ENTRY_WEIGHT + (key.len() + value.bytes().len()) as u32 + LINK_WEIGHT * value.links().len() as u32
            }
            Self::Child(_) => CHILD_WEIGHT + key.len() as u32,
        }
    }

    /// Whether a node has this at a position already.
    pub(in crate::map) fn is_at(&self, node: &Node, at: usize) -> bool {
        match self {
            Self::Value(value) => node.value(at).is_some_and(|stored| stored == *value),
            Self::Child(child) => node.child(at) == Some(*child),
        }
    }
}

impl Item {
    pub(in crate::map) fn key(&self) -> &[u8] {
        match self {
            Self::Stored(node, at) => node.key(*at),
            Self::Fresh(key, _) => key,
        }
    }

    pub(in crate::map) fn weight(&self) -> u32 {
        match self {
            Self::Stored(node, at) => node.item_weight(*at),
            Self::Fresh(key, payload) => payload.weight(key),
        }
    }

    pub(in crate::map) fn count(&self) -> u64 {
        match self {
            Self::Stored(node, at) => node.item_count(*at),
            Self::Fresh(_, Payload::Value(_)) => 1,
            Self::Fresh(_, Payload::Child(child)) => child.count,
        }
    }

    pub(in crate::map) fn child(&self) -> Option<Child> {
        match self {
            Self::Stored(node, at) => node.child(*at),
            Self::Fresh(_, Payload::Child(child)) => Some(*child),
            Self::Fresh(_, Payload::Value(_)) => None,
        }
    }
}

/// The plaintext and the links of a node of these items.
pub(in crate::map) fn encode<'a>(level: u8, items: impl ExactSizeIterator<Item = &'a Item>) -> (Vec<u8>, Vec<Cid>) {
    let width = if level == 0 { 2 } else { 3 };
    let mut encoder = Encoder::default();
    encoder.w.array(2);
    encoder.w.uint(u64::from(level));
    encoder.w.array(width * items.len() as u64);
    for item in items {
        encoder.item(item);
    }
    (encoder.w.into_bytes(), encoder.links)
}

#[derive(Default)]
struct Encoder {
    w: Writer,
    links: Vec<Cid>,
    index: BTreeMap<Cid, u64>,
}

impl Encoder {
    fn item(&mut self, item: &Item) {
        self.w.bytes(item.key());
        if let Some(child) = item.child() {
            self.link(&child.cid);
            self.w.uint(child.count);
            return;
        }
        match item {
            Item::Stored(node, at) => {
                if let Some(value) = node.value(*at) {
                    self.value(value.block().is_some(), value.bytes(), value.links());
                }
            }
            Item::Fresh(_, Payload::Value(value)) => {
                self.value(matches!(value, Value::Block(_)), value.bytes(), value.links().iter());
            }
            Item::Fresh(_, Payload::Child(_)) => {}
        }
    }

    fn value<'c>(&mut self, is_block: bool, bytes: &[u8], links: impl ExactSizeIterator<Item = &'c Cid>) {
        if !is_block {
            if links.len() > 0 {
                self.w.array(1 + links.len() as u64);
            }
            self.w.bytes(bytes);
        }
        for link in links {
            self.link(link);
        }
    }

    fn link(&mut self, cid: &Cid) {
        let next = self.links.len() as u64;
        let index = *self.index.entry(*cid).or_insert(next);
        if index == next {
            self.links.push(*cid);
        }
        self.w.uint(index);
    }
}

//! Building a map from entries in order, in one pass and bounded memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::limits::{CONTEXT_NODES_MAX, ENTRIES_MAX, GROUP_WEIGHT_MAX, KEY_BYTES_MAX, LEVEL_MAX, STREAM_WEIGHT_MAX};
use super::node::{Child, Item, Payload, Value, encode};
use super::shape::{Atom, OPEN_RIGHT, Piece, Salt, split};
use super::source::{InputError, NodeSink};
use crate::cid::Cid;

/// Takes entries in rising order and writes the nodes as soon as their shape is certain.
pub struct Builder {
    tower: Tower,
    last: Vec<u8>,
    entries: u64,
}

impl Builder {
    /// A builder of a map with this salt.
    pub fn new(salt: Salt) -> Self {
        Self { tower: Tower::new(salt, 0), last: Vec::new(), entries: 0 }
    }

    /// Appends an entry.
    pub fn push<K: NodeSink>(&mut self, key: Vec<u8>, value: Value, sink: &mut K) -> Result<(), InputError> {
        check_key(&key)?;
        value.check()?;
        if key <= self.last {
            return Err(InputError::Order);
        }
        if self.entries == ENTRIES_MAX {
            return Err(InputError::TooMany);
        }
        self.entries += 1;
        self.last.clone_from(&key);
        self.tower.push(0, Item::Fresh(key, Payload::Value(value)), sink);
        Ok(())
    }

    /// Writes what is left, and says the root.
    pub fn finish<K: NodeSink>(self, sink: &mut K) -> Cid {
        self.tower.finish(sink)
    }
}

pub(super) fn check_key(key: &[u8]) -> Result<(), InputError> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) { Ok(()) } else { Err(InputError::KeyLength) }
}

/// Writes the empty map.
pub(super) fn put_empty<K: NodeSink>(sink: &mut K) -> Cid {
    let (body, links) = encode(0, [].iter());
    sink.put(body, links)
}

/// The levels of a map from some level up to the root.
pub(super) struct Tower {
    salt: Salt,
    base: u8,
    floors: Vec<Floor>,
}

/// The end of the sequence of items of one level.
#[derive(Default)]
struct Floor {
    items: VecDeque<Item>,
    /// Items at the front whose nodes were written. Those of enough nodes are kept that what comes is split
    /// as if the whole group were here.
    written: usize,
    /// What the others weigh.
    weight: u64,
    /// Nodes written so far.
    nodes: u64,
}

impl Tower {
    /// Levels from `base`, all without items.
    pub(super) fn new(salt: Salt, base: u8) -> Self {
        Self { salt, base, floors: Vec::new() }
    }

    /// Appends an item to the level `floor` above the base.
    pub(super) fn push<K: NodeSink>(&mut self, floor: usize, item: Item, sink: &mut K) {
        if self.floors.len() == floor {
            self.floors.push(Floor::default());
        }
        let level = self.level(floor);
        if !self.floors[floor].items.is_empty() && self.salt.level(item.key()) > level {
            self.end_group(floor, sink);
        }
        let group = &mut self.floors[floor];
        group.weight += u64::from(item.weight());
        group.items.push_back(item);
        if group.weight > STREAM_WEIGHT_MAX {
            self.drain(floor, sink);
        }
    }

    /// Ends all levels, and says the lowest node that covers everything.
    pub(super) fn finish<K: NodeSink>(mut self, sink: &mut K) -> Cid {
        let mut floor = 0;
        while floor < self.floors.len() {
            if let Some(root) = self.floors[floor].only_child() {
                return root;
            }
            self.end_group(floor, sink);
            floor += 1;
        }
        put_empty(sink)
    }

    fn level(&self, floor: usize) -> u8 {
        let level = self.base + floor as u8;
        assert!(level <= LEVEL_MAX, "the bound on entries bounds the height");
        level
    }

    /// Writes the rest of the group at the end of a level.
    fn end_group<K: NodeSink>(&mut self, floor: usize, sink: &mut K) {
        let group = &self.floors[floor];
        let written = group.written;
        if written == 0 && group.weight <= u64::from(GROUP_WEIGHT_MAX) {
            self.write(floor, 0, group.items.len(), sink);
        } else {
            for piece in self.pieces(floor, 0) {
                if piece.start >= written {
                    self.write(floor, piece.start, piece.end, sink);
                }
            }
        }
        let group = &mut self.floors[floor];
        *group = Floor { nodes: group.nodes, ..Floor::default() };
    }

    /// Writes the pieces that do not depend on what will come.
    fn drain<K: NodeSink>(&mut self, floor: usize, sink: &mut K) {
        let pieces = self.pieces(floor, OPEN_RIGHT);
        let mut written = self.floors[floor].written;
        let mut certain = pieces.len();
        for (at, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.start >= written) {
            if piece.flags & OPEN_RIGHT != 0 {
                certain = at;
                break;
            }
            self.write(floor, piece.start, piece.end, sink);
        }
        written = written.max(if certain > 0 { pieces[certain - 1].end } else { 0 });
        let dropped = if certain > CONTEXT_NODES_MAX { pieces[certain - CONTEXT_NODES_MAX].start } else { 0 };
        let group = &mut self.floors[floor];
        group.weight = group.items.iter().skip(written).map(|item| u64::from(item.weight())).sum();
        group.written = written - dropped;
        group.items.drain(..dropped);
    }

    fn pieces(&self, floor: usize, open_right: u8) -> Vec<Piece> {
        let group = &self.floors[floor];
        let atoms: Vec<Atom> = group.items.iter().map(|item| atom(&self.salt, item, 0)).collect();
        split(&atoms, open_right)
    }

    fn write<K: NodeSink>(&mut self, floor: usize, start: usize, end: usize, sink: &mut K) {
        let level = self.level(floor);
        let group = &mut self.floors[floor];
        group.nodes += 1;
        let (key, child) = put_node(level, group.items.range(start..end), sink);
        self.push(floor + 1, Item::Fresh(key, Payload::Child(child)), sink);
    }
}

impl Floor {
    /// The one node below, if this level would consist of it alone.
    fn only_child(&self) -> Option<Cid> {
        if self.nodes > 0 || self.items.len() != 1 {
            return None;
        }
        self.items[0].child().map(|child| child.cid)
    }
}

/// What splitting needs to know of an item.
pub(super) fn atom(salt: &Salt, item: &Item, flags: u8) -> Atom {
    Atom { weight: item.weight(), label: salt.label(item.key()), flags }
}

/// Writes a node of these items, at least one, and says its first key and what to call it.
pub(super) fn put_node<'a, K: NodeSink>(
    level: u8,
    items: impl ExactSizeIterator<Item = &'a Item> + Clone,
    sink: &mut K,
) -> (Vec<u8>, Child) {
    let count = items.clone().map(Item::count).sum();
    let key = items.clone().next().map(|item| item.key().to_vec()).expect("a node has items");
    let (body, links) = encode(level, items);
    (key, Child { cid: sink.put(body, links), count })
}

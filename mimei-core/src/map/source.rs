//! What a map needs from outside: nodes, a place to put them, and how that fails.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::limits::HOLES_MAX;
use super::node::Node;
use crate::cid::Cid;

/// A block as it is after opening its seal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenBlock {
    /// The plaintext.
    pub body: Vec<u8>,
    /// The blocks that the plaintext names by index.
    pub links: Vec<Cid>,
}

/// Where nodes are read from.
pub trait NodeSource {
    /// The node at an address, or `None` if it is not at hand. It was verified by its address,
    /// decoded with [`Node::decode`] and, where the salt is known, [obeys](Node::obeys) it.
    fn node(&self, cid: &Cid) -> Option<Arc<Node>>;
}

/// Where nodes are written to.
pub trait NodeSink {
    /// Seals a node, keeps it, and says its address. The same node has the same address, and
    /// a store that is also a [`NodeSource`] gives it back until the operation has ended.
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid;
}

/// Opens stored blocks, for proofs.
pub trait BlockOpener {
    /// Opens a block, or `None` if its bytes are not what the address names or its seal is wrong.
    fn open(&self, cid: &Cid, stored: &[u8]) -> Option<OpenBlock>;
}

/// Why an operation on a map could not go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapError {
    /// These nodes are needed and not at hand: all that are known to be, at most [`HOLES_MAX`].
    /// The operation goes on, or is called again, when they are.
    Missing(Vec<Cid>),
    /// A node contradicts the one that names it, so whoever made the map broke it.
    Damaged {
        /// The node that does not fit.
        node: Cid,
        /// What does not fit.
        why: &'static str,
    },
    /// The map would have more than [`ENTRIES_MAX`](super::ENTRIES_MAX) entries.
    TooMany,
    /// The resolver of a merge gave a value that a map cannot hold.
    Verdict(InputError),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(holes) => write!(f, "{} blocks of the map are not here yet", holes.len()),
            Self::Damaged { node, why } => write!(f, "the map is damaged at block {node}: {why}"),
            Self::TooMany => f.write_str("the map is full; split a part of it off"),
            Self::Verdict(error) => write!(f, "the merged value cannot be kept: {error}"),
        }
    }
}

impl core::error::Error for MapError {}

/// What cannot be put into a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputError {
    /// A key of no or more than 1,024 bytes.
    KeyLength,
    /// A value of more than 512 bytes.
    ValueLength,
    /// A value with links that has none, or more than 8.
    ValueLinks,
    /// A key that is not larger than the one before it.
    Order,
    /// More than [`ENTRIES_MAX`](super::ENTRIES_MAX) entries.
    TooMany,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyLength => "a key must be 1 to 1,024 bytes long",
            Self::ValueLength => "a value over 512 bytes must be stored as a block of its own",
            Self::ValueLinks => "a value with links has 1 to 8 of them",
            Self::Order => "keys must be given in rising order, each once",
            Self::TooMany => "the map is full; split a part of it off",
        })
    }
}

impl core::error::Error for InputError {}

/// Missing nodes, each once.
#[derive(Default)]
pub(super) struct Holes(Vec<Cid>);

impl Holes {
    pub(super) fn add(&mut self, cid: Cid) {
        if !self.is_full() && !self.0.contains(&cid) {
            self.0.push(cid);
        }
    }

    /// Adds the holes of an error, and hands back any other error.
    pub(super) fn add_from(&mut self, error: MapError) -> Result<(), MapError> {
        let MapError::Missing(holes) = error else { return Err(error) };
        holes.into_iter().for_each(|cid| self.add(cid));
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= HOLES_MAX
    }

    pub(super) fn none_or_missing(self) -> Result<(), MapError> {
        if self.0.is_empty() { Ok(()) } else { Err(MapError::Missing(self.0)) }
    }
}

/// The root of a map.
pub(super) fn open_root<S: NodeSource>(source: &S, cid: &Cid) -> Result<Arc<Node>, MapError> {
    let node = source.node(cid).ok_or_else(|| MapError::Missing(alloc::vec![*cid]))?;
    if node.level() > 0 && node.len() == 1 {
        return Err(MapError::Damaged { node: *cid, why: "a root with a single child" });
    }
    Ok(node)
}

/// The child at a position, if it is what its parent says. `upper` is the first key behind the
/// parent.
pub(super) fn open_child<S: NodeSource>(
    source: &S,
    parent: &Node,
    at: usize,
    upper: Option<&[u8]>,
) -> Result<Arc<Node>, MapError> {
    let child = parent.child(at).expect("only inner nodes are descended from");
    let node = source.node(&child.cid).ok_or_else(|| MapError::Missing(alloc::vec![child.cid]))?;
    let upper = if at + 1 < parent.len() { Some(parent.key(at + 1)) } else { upper };
    match fault(parent, at, child.count, &node, upper) {
        None => Ok(node),
        Some(why) => Err(MapError::Damaged { node: child.cid, why }),
    }
}

fn fault(parent: &Node, at: usize, count: u64, node: &Node, upper: Option<&[u8]>) -> Option<&'static str> {
    if node.level() + 1 != parent.level() {
        Some("its level is not one below its parent's")
    } else if node.count() != count {
        Some("it has another number of entries than its parent says")
    } else if node.key(0) != parent.key(at) {
        Some("it starts with another key than its parent says")
    } else if upper.is_some_and(|upper| node.key(node.len() - 1) >= upper) {
        Some("it has keys of its neighbour")
    } else {
        None
    }
}

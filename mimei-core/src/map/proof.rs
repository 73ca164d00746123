//! Proofs that a key has a value, or that it has none, against the root alone.
//!
//! A proof is the stored blocks of the nodes from the root down to where the key
//! is or would be. Each is checked by the address that the one before it names,
//! so whoever makes a proof can leave one out or stop too early, but not lie.

use core::fmt;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::limits::LEVEL_MAX;
use super::node::{Node, Value};
use super::read::Map;
use super::shape::Salt;
use super::source::{BlockOpener, MapError, NodeSource};
use crate::cbor::{Bytes, Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use crate::cid::Cid;

/// The stored blocks of a path, from the root on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The blocks, sealed as they are stored.
    pub blocks: Vec<Bytes>,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
    /// A block is not the one that its place in the path calls for, or cannot be opened.
    WrongBlock,
    /// A block is not a node of a map with this salt, or contradicts the one before it.
    NotANode,
    /// The path ends before the key is decided.
    TooShort,
    /// Blocks follow that the path does not need.
    TooLong,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongBlock => "the proof is for another root or key, or a block of it was altered",
            Self::NotANode => "the proof has a block that is no node of this map",
            Self::TooShort => "the proof ends before the key is decided",
            Self::TooLong => "the proof has more blocks than it needs",
        })
    }
}

impl core::error::Error for ProofError {}

/// The addresses of the blocks that make a [`Proof`] for a key, in order.
pub fn prove<S: NodeSource>(source: &S, root: Cid, key: &[u8]) -> Result<Vec<Cid>, MapError> {
    Map::at(source, root).path(key)
}

impl Proof {
    /// What the map under `root` has for `key`, if the proof holds.
    pub fn answer<O: BlockOpener>(
        &self,
        root: Cid,
        key: &[u8],
        salt: &Salt,
        opener: &O,
    ) -> Result<Option<Value>, ProofError> {
        let mut path = Path(BTreeMap::new());
        let mut next = root;
        for (at, block) in self.blocks.iter().enumerate() {
            let open = opener.open(&next, &block.0).ok_or(ProofError::WrongBlock)?;
            let node = Node::decode(open.body, open.links).map_err(|_| ProofError::NotANode)?;
            if !node.obeys(salt) {
                return Err(ProofError::NotANode);
            }
            let child = node.child_for(key).and_then(|at| node.child(at));
            path.0.insert(next, Arc::new(node));
            match child {
                Some(child) => next = child.cid,
                None if at + 1 < self.blocks.len() => return Err(ProofError::TooLong),
                None => {}
            }
        }
        match Map::at(&path, root).get(key) {
            Ok(entry) => Ok(entry.map(|entry| entry.value().to_value())),
            Err(MapError::Missing(_)) => Err(ProofError::TooShort),
            Err(_) => Err(ProofError::NotANode),
        }
    }
}

/// The verified nodes of a proof.
struct Path(BTreeMap<Cid, Arc<Node>>);

impl NodeSource for Path {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.0.get(cid).cloned()
    }
}

impl Cbor for Proof {
    fn write(&self, w: &mut Writer) {
        self.blocks.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        // One block for each level.
        if r.clone().array()? > u64::from(LEVEL_MAX) + 1 {
            return Err(DecodeError::new(at, DecodeErrorKind::OutOfRange));
        }
        Ok(Self { blocks: Cbor::read(r)? })
    }
}

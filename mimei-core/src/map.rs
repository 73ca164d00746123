//! The Merkle map: an ordered map whose root depends on its content alone.
//!
//! Keys are 1 to 1,024 bytes, in bytewise order. A value is up to 512 bytes,
//! with up to 8 links to other blocks, or a block of its own. The entries lie in
//! leaves, inner nodes name the nodes below them; a node is about 4 KiB. Which
//! entries share a node follows from their keys and the map's salt, never from
//! the order of writes, so whoever has the same content has the same root, two
//! maps differ in time proportional to their difference, and a path of nodes
//! proves that a key is there or is not.
//!
//! ```
//! use mimei_core::map::{BatchEdit, Builder, EditStep, Map, Salt, Value};
//! # use mimei_core::{cid::{Cid, Codec}, map::{Node, NodeSink, NodeSource}};
//! # use std::{collections::HashMap, sync::Arc};
//! # #[derive(Default)] struct Memory(HashMap<Cid, Arc<Node>>);
//! # impl NodeSource for Memory { fn node(&self, cid: &Cid) -> Option<Arc<Node>> { self.0.get(cid).cloned() } }
//! # impl NodeSink for Memory {
//! #     fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
//! #         let cid = Cid::of(Codec::DagCbor, &body); // A real sink seals body and links first.
//! #         self.0.insert(cid, Arc::new(Node::decode(body, links).unwrap()));
//! #         cid
//! #     }
//! # }
//! let (mut store, salt) = (Memory::default(), Salt::new([7; 32]));
//! let mut builder = Builder::new(salt);
//! for name in ["ada", "eve"] {
//!     builder.push(name.into(), Value::Bytes(b"here".to_vec()), &mut store)?;
//! }
//! let root = builder.finish(&mut store);
//! let mut edit = BatchEdit::new(root, salt, vec![(b"bob".to_vec(), Some(Value::Bytes(b"new".to_vec())))])?;
//! let EditStep::Done(root) = edit.step(&mut store)? else { panic!("one edit is one step") };
//! assert_eq!(Map::at(&store, root).rank(b"eve")?, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Hashes of a key
//! `H(key)` is the 64 bytes of extended output of BLAKE3 keyed with the salt (32
//! bytes) over the key. The *level* of a key is the number of leading zero bits
//! of the first 8 bytes of `H(key)`, divided by 6 and rounded down (0 to 10).
//! Its *label* is the last 32 bytes of `H(key)`; bit `k` of a label is bit
//! `k mod 8` (least significant first) of its byte `k div 8`.
//!
//! # Nodes
//! A node is one CBOR value and a list of links. Links are named by their index
//! in the list, which has each once, in order of first use, and none unused.
//!
//! - Leaf: `[0, [key, value, key, value, …]]`. A value is a byte string; or
//!   `[byte string, index, …]` with 1 to 8 links; or an index alone, for a value
//!   that is a block of its own.
//! - Inner node: `[level, [key, index, count, key, index, count, …]]` with level
//!   1 to 47: the first key of a child one level below, its link and the number
//!   of entries under it.
//!
//! Keys rise strictly. The *weight* of an entry is 8 + bytes of key + bytes of
//! value + 40 for each link; that of a child is 56 + bytes of key. A node weighs
//! what its items weigh.
//!
//! # Shape
//! The items of level 0 are the entries in order. Level by level from 0:
//!
//! 1. The sequence of items is cut before each item (but the first) whose key
//!    has a level above this tree level. What lies between cuts is a *group*.
//! 2. A group that weighs at most 16,384 is one node. A heavier one is split.
//! 3. If that makes one node for the whole level, it is the root. Otherwise the
//!    nodes, each as (first key, link, count of entries), are the items of the
//!    next level.
//!
//! So the root is the lowest node that covers everything, and never has a single
//! child. The empty map is the leaf without entries, which is a node nowhere else.
//!
//! **Splitting a group.** Begin with one piece for each item. A piece is *light*
//! if it weighs less than 2,048, and its label is that of its first key. As
//! long as two light pieces are neighbours, take a round: in every longest run
//! of two or more light pieces,
//!
//! - colour them: the colours start as the labels, and five times each piece
//!   takes the new colour `2k + b`, where `k` is the lowest bit in which its
//!   colour differs from that of the piece before it in the run (0 for the first
//!   of the run), and `b` is that bit of its own colour. The colours are then 0
//!   to 5 and neighbours differ;
//! - a piece that has at least two pieces before it and one behind it in the
//!   run, and a colour smaller than both neighbours, starts a new piece; the
//!   others join the piece before them in the run. All pieces of a run, and all
//!   runs, change at the same time.
//!
//! When no two light pieces are neighbours, each light one joins the piece
//! before it, the first of the group the piece behind it. The pieces are nodes.
//!
//! # Why it holds against chosen keys
//! A salt may be public, so keys can be searched for with any hash one likes.
//! - *Sizes*: a run is merged in blocks of 2 to 12 pieces, as between two minima
//!   of colours 0 to 5 there are at most 10 steps and 2 more at the ends of a
//!   run. With the joins of the end a piece weighs at least 2,048 and less than
//!   14 · 2,048, whatever the hashes are. A piece of inner items has two or more,
//!   so each level above the tenth has at most half the items of the one below.
//! - *Edits*: where nothing is split, a new or deleted key touches its node and
//!   at most one neighbour at each level. In a split group, whether a piece starts
//!   anew depends in each round on the six pieces before it, itself and the one
//!   behind it, and a piece that is not light is a wall. Eight rounds are
//!   enough for the lightest items, as each doubles what a piece has; so an edit
//!   changes no node more than 64 nodes away, whatever the hashes are. Measured
//!   in a map that is one huge group: at most four nodes written at a level.
//! - *History*: cuts, rounds and joins are functions of the sequence of items,
//!   the sequence of level 0 is the content, and each level's sequence follows
//!   from the one below. Links are addresses of sealed nodes, so the same content
//!   has the same root as long as its nodes were sealed under the same epoch.
//! - A key of level `n` costs 64ⁿ hashes to find and adds at most `n` nodes.

mod build;
mod diff;
mod edit;
mod limits;
mod merge;
mod node;
mod proof;
mod read;
mod shape;
mod source;

pub use build::Builder;
pub use diff::{Change, Diff, Page};
pub use edit::{BatchEdit, EditStep};
pub use limits::{
    ENTRIES_MAX, HOLES_MAX, KEY_BYTES_MAX, LEVEL_MAX, NODE_BODY_BYTES_MAX, NODE_LINKS_MAX, NODE_WEIGHT_MAX,
    VALUE_BYTES_MAX, VALUE_LINKS_MAX,
};
pub use merge::{Clash, Merge, MergeStep, Outcome, Verdict};
pub use node::{Node, Value, ValueRef};
pub use proof::{Proof, ProofError, prove};
pub use read::{Entry, Map, Range};
pub use shape::Salt;
pub use source::{BlockOpener, InputError, MapError, NodeSink, NodeSource, OpenBlock};

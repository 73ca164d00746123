//! The numbers of the map's format and the bounds of its operations.

use crate::cid::Cid;

/// A key in bytes; an inner node must hold several.
pub const KEY_BYTES_MAX: usize = 1024;
/// A value kept in its leaf, in bytes; a larger one is a block of its own.
pub const VALUE_BYTES_MAX: usize = 512;
/// Links inside of one value.
pub const VALUE_LINKS_MAX: usize = 8;
/// Entries of one map. With it a tree cannot grow past [`LEVEL_MAX`] (see the module text on sizes).
pub const ENTRIES_MAX: u64 = 1 << 36;
/// The highest level a node may have: 10 by hashes, 35 by halving 2^36 children of the
/// largest weight down to one node, and 2 to spare.
pub const LEVEL_MAX: u8 = 47;
/// Missing nodes named at once: more than a round trip brings.
pub const HOLES_MAX: usize = 256;

/// Zero bits that make one level: 64 items to a node.
pub(super) const LEVEL_BITS: u32 = 6;
/// A heavier group is split. Groups are four times their mean or more once in fifty.
pub(super) const GROUP_WEIGHT_MAX: u32 = 16 * 1024;
/// A lighter piece of a split group is merged.
pub(super) const LIGHT_WEIGHT: u32 = 2 * 1024;
/// Pieces that one round may merge, and two that may join at the end.
const PIECES_MERGED_MAX: u32 = 12 + 2;
/// No node weighs more.
pub const NODE_WEIGHT_MAX: u32 = PIECES_MERGED_MAX * LIGHT_WEIGHT;

pub(super) const ENTRY_WEIGHT: u32 = 8;
pub(super) const LINK_WEIGHT: u32 = 40;
pub(super) const CHILD_WEIGHT: u32 = 16 + LINK_WEIGHT;

/// The plaintext of a node in bytes; what an item weighs is never less than its encoding.
pub const NODE_BODY_BYTES_MAX: usize = NODE_WEIGHT_MAX as usize + 16;
/// Links of one node.
pub const NODE_LINKS_MAX: usize = (NODE_WEIGHT_MAX / LINK_WEIGHT) as usize;

/// Pieces to either side that the shape of a split group can depend on.
pub(super) const CONTEXT_NODES_MAX: usize = 64;
/// Nodes that a window grows by at a time, before and behind an edit: what most edits in a
/// split group need.
pub(super) const GROW_LEFT_NODES: usize = 3;
pub(super) const GROW_RIGHT_NODES: usize = 6;
/// What a bulk build holds of one group before it writes the pieces that are certain.
pub(super) const STREAM_WEIGHT_MAX: u64 = 1 << 20;
/// Edits that one step of a batch applies.
pub(super) const STEP_EDITS_MAX: usize = 1024;
/// Nodes that one step of a diff opens, whether or not it finds something.
pub(super) const STEP_NODES_MAX: usize = 4096;
/// Edits that a merge collects before it applies them.
pub(super) const MERGE_EDITS_MAX: usize = 16 * 1024;
/// Changes that a merge reads from a side at a time.
pub(super) const MERGE_PAGE: usize = 256;

// Offsets inside of a node are 16 bits, a block names at most 1,024 links and stays well under 64 KiB.
const _: () = assert!(NODE_BODY_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(NODE_LINKS_MAX <= 1024);
const _: () = assert!(NODE_BODY_BYTES_MAX + NODE_LINKS_MAX * Cid::BYTES < 63 * 1024);
const _: () = assert!(GROUP_WEIGHT_MAX <= NODE_WEIGHT_MAX);
// Every item is light, so that the pieces of a round are bounded and no piece is a single child.
const _: () = assert!(
    ENTRY_WEIGHT as usize + KEY_BYTES_MAX + VALUE_BYTES_MAX + LINK_WEIGHT as usize * VALUE_LINKS_MAX
        < LIGHT_WEIGHT as usize
);
const _: () = assert!(CHILD_WEIGHT as usize + KEY_BYTES_MAX < LIGHT_WEIGHT as usize);
// Eight rounds of at least doubling turn the lightest entry into a heavy piece; 6 pieces behind
// and 1 before for each of them are inside of the context.
const _: () = assert!((ENTRY_WEIGHT + 1) << 8 >= LIGHT_WEIGHT && 8 * 6 < CONTEXT_NODES_MAX);

//! How the items of one group, or of a stretch of it, are cut into nodes after an edit.

use core::ops::Range;

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::map::build::atom;
use crate::map::limits::GROUP_WEIGHT_MAX;
use crate::map::node::{Item, Node};
use crate::map::shape::{Atom, CHANGED, OPEN_LEFT, OPEN_RIGHT, Piece, Salt, split};

/// An item after the edits.
pub(super) struct Cell {
    pub(super) item: Item,
    /// The node it was in, or into whose range it was put.
    pub(super) of: Arc<Node>,
    /// Whether its weight or a neighbour is new.
    pub(super) changed: bool,
    /// Whether its key begins a group.
    pub(super) starts: bool,
    /// Whether the node was a group, and so was not made by splitting.
    pub(super) is_alone: bool,
}

/// Cuts a group, of which `open` edges are not known, and says which of them matter.
/// If none does, `pieces` gets the nodes, as ranges that count from `offset`.
pub(super) fn cut_group(salt: &Salt, cells: &[Cell], offset: usize, open: u8, pieces: &mut Vec<Range<usize>>) -> u8 {
    if !cells.iter().any(|cell| cell.changed) {
        keep_nodes(cells, offset, pieces);
        return 0;
    }
    let weight: u64 = cells.iter().map(|cell| u64::from(cell.item.weight())).sum();
    if weight <= u64::from(GROUP_WEIGHT_MAX) {
        pieces.push(offset..offset + cells.len());
        return open;
    }
    let parts = split(&atoms(salt, cells), open);
    let unsure = open_edges_that_matter(&parts);
    if unsure == 0 {
        let mut kept = 0;
        for part in parts.iter().filter(|part| part.flags & CHANGED != 0) {
            keep_nodes(&cells[kept..part.start], offset + kept, pieces);
            pieces.push(offset + part.start..offset + part.end);
            kept = part.end;
        }
        keep_nodes(&cells[kept..], offset + kept, pieces);
    }
    unsure
}

fn atoms(salt: &Salt, cells: &[Cell]) -> Vec<Atom> {
    let flags = |cell: &Cell| if cell.changed || cell.is_alone { CHANGED } else { 0 };
    cells.iter().map(|cell| atom(salt, &cell.item, flags(cell))).collect()
}

/// A changed piece must be certain, and so must the pieces beside it be unless they are changed: then
/// these are nodes that are there already, and what lies behind them is not touched.
fn open_edges_that_matter(parts: &[Piece]) -> u8 {
    let mut unsure = 0;
    for (at, part) in parts.iter().enumerate() {
        let beside = at.saturating_sub(1)..=(at + 1).min(parts.len() - 1);
        if parts[beside].iter().any(|part| part.flags & CHANGED != 0) {
            unsure |= part.flags;
        }
    }
    unsure & (OPEN_LEFT | OPEN_RIGHT)
}

/// Cuts the cells as they were.
fn keep_nodes(cells: &[Cell], offset: usize, pieces: &mut Vec<Range<usize>>) {
    let mut start = offset;
    for run in cells.chunk_by(|a, b| Arc::ptr_eq(&a.of, &b.of)) {
        pieces.push(start..start + run.len());
        start += run.len();
    }
}

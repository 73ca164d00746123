//! A stretch of one level around edits, cut anew.
//!
//! A window begins as the one node that an edit falls into. If what the edit can
//! change reaches the window's edge, the window grows; if it does not, everything
//! outside stays as it is.

use core::ops::Range;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::cursor::Cursor;
use super::cut::{Cell, cut_group};
use crate::cid::Cid;
use crate::map::build::put_node;
use crate::map::limits::{CONTEXT_NODES_MAX, GROW_LEFT_NODES, GROW_RIGHT_NODES};
use crate::map::node::{Child, Item, Node, Payload};
use crate::map::shape::{OPEN_LEFT, OPEN_RIGHT, Salt};
use crate::map::source::{Holes, MapError, NodeSink, NodeSource};

/// An edit of the items of one level: a payload to put, or nothing to delete.
pub(super) struct ItemEdit {
    pub(super) key: Vec<u8>,
    pub(super) payload: Option<Payload>,
}

/// What a written window means for the levels above.
pub(super) enum Written {
    /// They go on; other nodes of this level may be there.
    Part,
    /// The whole level has no node: the map is empty.
    Nothing,
    /// The whole level is this node, which is the root.
    Root(Cid),
    /// The whole level would be one node with this single child; the root is there or below.
    OnlyChild(Cid),
}

pub(super) struct Window {
    level: u8,
    salt: Salt,
    /// At the first and at the last node of the window.
    left: Cursor,
    right: Cursor,
    nodes: VecDeque<OldNode>,
    /// The items after the edits.
    cells: VecDeque<Cell>,
    /// Whether something was put or deleted at the very edge, so that the item outside has a new neighbour.
    gap_left: bool,
    gap_right: bool,
    /// Nodes without edits that were added last, before and behind.
    context: [usize; 2],
    /// How the cells are cut into nodes, once that is certain.
    pieces: Vec<Range<usize>>,
}

/// A node of the window before the edits.
struct OldNode {
    first: Vec<u8>,
    child: Child,
    starts: bool,
}

/// A node after the edits that fall into it.
struct Applied {
    old: OldNode,
    cells: Vec<Cell>,
    gap_front: bool,
    gap_back: bool,
    was_edited: bool,
}

impl Window {
    /// The node at the cursor with its edits.
    pub(super) fn new<S: NodeSource>(
        source: &S,
        at: &Cursor,
        salt: Salt,
        edits: &mut VecDeque<ItemEdit>,
    ) -> Result<Self, MapError> {
        let node = at.node(source)?;
        let mut window = Self {
            level: node.level(),
            salt,
            left: at.clone(),
            right: at.clone(),
            nodes: VecDeque::new(),
            cells: VecDeque::new(),
            gap_left: false,
            gap_right: false,
            context: [0; 2],
            pieces: Vec::new(),
        };
        window.append(apply(&node, at, &salt, edits));
        Ok(window)
    }

    /// Grows until the cut is certain. On an error it keeps what it has, and goes on when called again.
    /// If it reaches `before`, the window before it, both become one.
    pub(super) fn settle<S: NodeSource>(
        &mut self,
        source: &S,
        edits: &mut VecDeque<ItemEdit>,
        before: &mut Option<Window>,
    ) -> Result<(), MapError> {
        loop {
            let unsure = self.cut();
            let mut holes = Holes::default();
            if unsure & OPEN_RIGHT != 0 {
                self.grow_right(source, edits, &mut holes)?;
            }
            if unsure & OPEN_LEFT != 0 {
                self.grow_left(source, before, &mut holes)?;
            }
            holes.none_or_missing()?;
            if unsure == 0 {
                return Ok(());
            }
        }
    }

    /// Writes the nodes that are new. `above` gets what changes there; at the top of the old tree,
    /// where nothing is above, it gets all nodes of the level.
    pub(super) fn write<K: NodeSink>(mut self, sink: &mut K, is_top: bool, above: &mut VecDeque<ItemEdit>) -> Written {
        let whole = self.left.is_first() && self.right.upper().is_none();
        let cells = self.cells.make_contiguous();
        if whole && self.pieces.len() <= 1 {
            return write_level(self.level, cells, &self.nodes, sink);
        }
        let mut edits = BTreeMap::new();
        let mut stored = BTreeMap::new();
        for old in self.nodes {
            stored.insert(old.first.clone(), old.child);
            edits.insert(old.first, None);
        }
        for piece in &self.pieces {
            let cells = &cells[piece.clone()];
            let key = cells[0].item.key();
            match stored.get(key).filter(|_| are_one_stored_node(cells)) {
                Some(child) if is_top => edits.insert(key.to_vec(), Some(Payload::Child(*child))),
                Some(_) => edits.remove(key),
                None => {
                    let (key, child) = put_node(self.level, cells.iter().map(|cell| &cell.item), sink);
                    edits.insert(key, Some(Payload::Child(child)))
                }
            };
        }
        above.extend(edits.into_iter().map(|(key, payload)| ItemEdit { key, payload }));
        Written::Part
    }

    fn append(&mut self, applied: Applied) {
        let from = self.cells.len();
        match self.cells.back_mut() {
            Some(last) => last.changed |= applied.gap_front,
            None => self.gap_left |= applied.gap_front,
        }
        self.cells.extend(applied.cells);
        if let Some(first) = self.cells.get_mut(from) {
            first.changed |= self.gap_right;
        }
        self.gap_right = applied.gap_back;
        self.nodes.push_back(applied.old);
    }

    /// Adds the node before, which has no edits.
    fn prepend(&mut self, mut applied: Applied) {
        if let Some(last) = applied.cells.last_mut() {
            last.changed |= self.gap_left;
        }
        for cell in applied.cells.into_iter().rev() {
            self.cells.push_front(cell);
        }
        self.gap_left = false;
        self.nodes.push_front(applied.old);
    }

    /// Takes the window before, which ends where this one begins.
    fn join(&mut self, before: Window) {
        let Window { left, mut nodes, mut cells, gap_left, gap_right, context, .. } = before;
        if let Some(last) = cells.back_mut() {
            last.changed |= self.gap_left;
        }
        if let Some(first) = self.cells.front_mut() {
            first.changed |= gap_right;
        }
        cells.append(&mut self.cells);
        nodes.append(&mut self.nodes);
        (self.left, self.cells, self.nodes) = (left, cells, nodes);
        self.gap_left = gap_left;
        self.context[0] = context[0];
    }

    /// Adds nodes behind as long as their group goes on, and goes on further if they have edits.
    fn grow_right<S: NodeSource>(
        &mut self,
        source: &S,
        edits: &mut VecDeque<ItemEdit>,
        holes: &mut Holes,
    ) -> Result<(), MapError> {
        let mut nodes = GROW_RIGHT_NODES;
        while nodes > 0 && self.is_open_right() {
            let mut next = self.right.clone();
            let Ok(node) = next.next(source).and_then(|_| next.node(source)) else {
                return self.right.name_right(source, &self.salt, nodes, holes);
            };
            let applied = apply(&node, &next, &self.salt, edits);
            self.right = next;
            nodes = if applied.was_edited { GROW_RIGHT_NODES } else { nodes - 1 };
            self.context[1] = if applied.was_edited { 0 } else { self.context[1] + 1 };
            self.append(applied);
        }
        Ok(())
    }

    /// Adds nodes before as long as their group goes on, or the window that is there.
    fn grow_left<S: NodeSource>(
        &mut self,
        source: &S,
        before: &mut Option<Window>,
        holes: &mut Holes,
    ) -> Result<(), MapError> {
        for nodes in (1..=GROW_LEFT_NODES).rev() {
            let mut next = self.left.clone();
            let found = next.back(source);
            if let (Ok(_), Some(window)) = (&found, before.take_if(|window| window.right.cid() == next.cid())) {
                self.join(window);
                break;
            }
            let Ok(node) = found.and_then(|_| next.node(source)) else {
                return self.left.name_left(source, &self.salt, nodes, holes);
            };
            let applied = apply(&node, &next, &self.salt, &mut VecDeque::new());
            self.left = next;
            self.context[0] += 1;
            self.prepend(applied);
            if !self.is_open_left() {
                break;
            }
        }
        Ok(())
    }

    /// Cuts the cells into nodes. What that needs to know and does not is said as open edges.
    fn cut(&mut self) -> u8 {
        let open_left = if self.is_open_left() { OPEN_LEFT } else { 0 };
        let open_right = if self.is_open_right() { OPEN_RIGHT } else { 0 };
        let mut unsure = if self.gap_left { open_left } else { 0 } | if self.gap_right { open_right } else { 0 };
        let cells = self.cells.make_contiguous();
        self.pieces.clear();
        let mut start = 0;
        while start < cells.len() {
            let end = start + 1 + cells[start + 1..].iter().take_while(|cell| !cell.starts).count();
            let open = if start == 0 { open_left } else { 0 } | if end == cells.len() { open_right } else { 0 };
            unsure |= cut_group(&self.salt, &cells[start..end], start, open, &mut self.pieces);
            start = end;
        }
        unsure
    }

    /// Whether the first group may begin before the window. A tree made by the rule never needs more
    /// context than the bound; any other is cut as if the window were all there is.
    fn is_open_left(&self) -> bool {
        let starts = self.nodes.front().is_some_and(|node| node.starts) && !self.gap_left;
        !starts && !self.left.is_first() && self.context[0] < CONTEXT_NODES_MAX
    }

    fn is_open_right(&self) -> bool {
        let goes_on = self.right.upper().is_some_and(|key| self.salt.level(key) <= self.level);
        goes_on && self.context[1] < CONTEXT_NODES_MAX
    }
}

/// Writes a level that is one node or none.
fn write_level<K: NodeSink>(level: u8, cells: &[Cell], nodes: &VecDeque<OldNode>, sink: &mut K) -> Written {
    match cells {
        [] => Written::Nothing,
        [Cell { item, .. }] if let Some(child) = item.child() => Written::OnlyChild(child.cid),
        [first, ..] => {
            let old = nodes.iter().find(|old| old.first == first.item.key() && are_one_stored_node(cells));
            let put = || put_node(level, cells.iter().map(|cell| &cell.item), sink).1;
            Written::Root(old.map_or_else(put, |old| old.child).cid)
        }
    }
}

/// Whether the cells are a node as it was before.
fn are_one_stored_node(cells: &[Cell]) -> bool {
    let of = &cells[0].of;
    cells.len() == of.len()
        && cells.iter().all(|cell| matches!(&cell.item, Item::Stored(node, _) if Arc::ptr_eq(node, of)))
}

/// Names the nodes around the one at the cursor that a window for an edit there would grow by at first.
pub(super) fn name_around<S: NodeSource>(
    source: &S,
    at: &Cursor,
    salt: &Salt,
    edit: &ItemEdit,
    holes: &mut Holes,
) -> Result<(), MapError> {
    let node = match at.node(source) {
        Ok(node) => node,
        Err(error) => return holes.add_from(error),
    };
    let takes_start = match (node.find(&edit.key), &edit.payload) {
        (Err(_), None) => return Ok(()),
        (Ok(at), Some(payload)) if payload.weight(&edit.key) == node.item_weight(at) => return Ok(()),
        (found, payload) => found == Ok(0) && payload.is_none(),
    };
    at.name_right(source, salt, GROW_RIGHT_NODES, holes)?;
    if takes_start || node.len() == 0 || salt.level(node.key(0)) <= node.level() {
        at.name_left(source, salt, GROW_LEFT_NODES, holes)?;
    }
    Ok(())
}

/// Takes the edits that fall into a node from the front of `edits`.
fn apply(node: &Arc<Node>, at: &Cursor, salt: &Salt, edits: &mut VecDeque<ItemEdit>) -> Applied {
    let starts_group = |key: &[u8]| salt.level(key) > node.level();
    let starts = node.len() > 0 && starts_group(node.key(0));
    let is_alone = (starts || at.is_first()) && at.upper().is_none_or(starts_group);
    let cell = |item, changed, starts| Cell { item, of: node.clone(), changed, starts, is_alone };
    let mut cells: Vec<Cell> = Vec::with_capacity(node.len());
    let (mut gap, mut gap_front, mut was_edited) = (false, false, false);
    for position in 0..=node.len() {
        let key = if position < node.len() { Some(node.key(position)) } else { at.upper() };
        while let Some(edit) = edits.pop_front_if(|edit| key.is_none_or(|key| edit.key.as_slice() < key)) {
            if let Some(payload) = edit.payload {
                was_edited = true;
                if let Some(last) = cells.last_mut() {
                    last.changed = true;
                }
                let starts = starts_group(&edit.key);
                cells.push(cell(Item::Fresh(edit.key, payload), true, starts));
                gap = true;
            }
        }
        if position == node.len() {
            break;
        }
        let edit = edits.pop_front_if(|edit| edit.key == node.key(position));
        let starts = starts && position == 0;
        match edit.map(|edit| (edit.key, edit.payload)) {
            Some((_, None)) => {
                was_edited = true;
                gap = true;
                gap_front |= cells.is_empty();
                if let Some(last) = cells.last_mut() {
                    last.changed = true;
                }
            }
            Some((key, Some(payload))) if !payload.is_at(node, position) => {
                was_edited = true;
                let changed = gap || payload.weight(&key) != node.item_weight(position);
                cells.push(cell(Item::Fresh(key, payload), changed, starts));
                gap = false;
            }
            _ => {
                cells.push(cell(Item::Stored(node.clone(), position), gap, starts));
                gap = false;
            }
        }
    }
    let first = if node.len() > 0 { node.key(0).to_vec() } else { Vec::new() };
    let old = OldNode { first, child: Child { cid: at.cid(), count: node.count() }, starts };
    Applied { old, cells, gap_front, gap_back: gap, was_edited }
}

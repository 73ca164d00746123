//! A place in the sequence of the nodes of one level.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::cid::Cid;
use crate::map::node::Node;
use crate::map::shape::Salt;
use crate::map::source::{Holes, MapError, NodeSource, open_child};

/// Stands at one node of a level, which itself need not be at hand.
#[derive(Clone)]
pub(super) struct Cursor {
    root: Arc<Node>,
    root_cid: Cid,
    level: u8,
    /// The inner nodes above the place, and the child taken in each.
    path: Vec<(Arc<Node>, usize)>,
}

impl Cursor {
    /// In a level that the tree has; stands nowhere before `seek`.
    pub(super) fn new(root_cid: Cid, root: Arc<Node>, level: u8) -> Self {
        Self { root, root_cid, level, path: Vec::new() }
    }

    /// Moves to the node in which a key is or would be.
    pub(super) fn seek<S: NodeSource>(&mut self, source: &S, key: &[u8]) -> Result<(), MapError> {
        let mut node = self.root.clone();
        for depth in 0..usize::from(self.root.level() - self.level) {
            let at = node.child_for(key).unwrap_or(0);
            let stays = self.path.get(depth).is_some_and(|(held, taken)| Arc::ptr_eq(held, &node) && *taken == at);
            if !stays {
                self.path.truncate(depth);
                self.path.push((node, at));
            }
            node = match self.path.get(depth + 1) {
                Some((held, _)) => held.clone(),
                None if depth + 1 == usize::from(self.root.level() - self.level) => break,
                None => self.open_at(source, depth)?,
            };
        }
        Ok(())
    }

    /// The node here.
    pub(super) fn node<S: NodeSource>(&self, source: &S) -> Result<Arc<Node>, MapError> {
        match self.path.len() {
            0 => Ok(self.root.clone()),
            depth => self.open_at(source, depth - 1),
        }
    }

    /// The address of the node here.
    pub(super) fn cid(&self) -> Cid {
        let named = self.path.last().and_then(|(node, at)| node.child(*at));
        named.map_or(self.root_cid, |child| child.cid)
    }

    pub(super) fn is_first(&self) -> bool {
        self.path.iter().all(|(_, at)| *at == 0)
    }

    /// The first key of the next node, if there is one.
    pub(super) fn upper(&self) -> Option<&[u8]> {
        upper_of(&self.path)
    }

    /// Moves to the next node, if there is one.
    pub(super) fn next<S: NodeSource>(&mut self, source: &S) -> Result<bool, MapError> {
        let turn = self.path.iter().rposition(|(node, at)| at + 1 < node.len());
        self.turn(source, turn, |at| at + 1, |_| 0)
    }

    /// Moves to the node before, if there is one.
    pub(super) fn back<S: NodeSource>(&mut self, source: &S) -> Result<bool, MapError> {
        let turn = self.path.iter().rposition(|(_, at)| *at > 0);
        self.turn(source, turn, |at| at - 1, |node| node.len() - 1)
    }

    /// Names what is missing of the next `nodes` nodes of the group.
    pub(super) fn name_right<S: NodeSource>(
        &self,
        source: &S,
        salt: &Salt,
        nodes: usize,
        holes: &mut Holes,
    ) -> Result<(), MapError> {
        let mut at = self.clone();
        for _ in 0..nodes {
            if at.upper().is_none_or(|key| salt.level(key) > self.level) {
                break;
            }
            if let Err(error) = at.next(source) {
                return holes.add_from(error);
            }
            at.name(source, holes)?;
        }
        Ok(())
    }

    /// Names what is missing of the `nodes` nodes before, as far as the group goes.
    pub(super) fn name_left<S: NodeSource>(
        &self,
        source: &S,
        salt: &Salt,
        nodes: usize,
        holes: &mut Holes,
    ) -> Result<(), MapError> {
        let mut at = self.clone();
        for _ in 0..nodes {
            match at.back(source) {
                Ok(true) => at.name(source, holes)?,
                Ok(false) => break,
                Err(error) => return holes.add_from(error),
            }
            if at.path.last().is_some_and(|(node, child)| salt.level(node.key(*child)) > self.level) {
                break;
            }
        }
        Ok(())
    }

    fn name<S: NodeSource>(&self, source: &S, holes: &mut Holes) -> Result<(), MapError> {
        self.node(source).map(drop).or_else(|error| holes.add_from(error))
    }

    /// Turns aside at a depth and goes down along the edge. It stays where it is if it cannot.
    fn turn<S: NodeSource>(
        &mut self,
        source: &S,
        depth: Option<usize>,
        aside: impl Fn(usize) -> usize,
        edge: impl Fn(&Node) -> usize,
    ) -> Result<bool, MapError> {
        let Some(depth) = depth else { return Ok(false) };
        let mut moved = self.clone();
        moved.path.truncate(depth + 1);
        moved.path[depth].1 = aside(moved.path[depth].1);
        while moved.path.len() < self.path.len() {
            let node = moved.open_at(source, moved.path.len() - 1)?;
            let at = edge(&node);
            moved.path.push((node, at));
        }
        *self = moved;
        Ok(true)
    }

    fn open_at<S: NodeSource>(&self, source: &S, depth: usize) -> Result<Arc<Node>, MapError> {
        let (node, at) = &self.path[depth];
        open_child(source, node, *at, upper_of(&self.path[..depth]))
    }
}

fn upper_of(path: &[(Arc<Node>, usize)]) -> Option<&[u8]> {
    path.iter().rev().find(|(node, at)| at + 1 < node.len()).map(|(node, at)| node.key(at + 1))
}

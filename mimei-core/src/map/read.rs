//! Reading: get, count, rank, n-th and ranges both ways.

use core::fmt;
use core::ops::Bound;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::diff::Page;
use super::node::{Node, ValueRef};
use super::source::{Holes, MapError, NodeSource, open_child, open_root};
use crate::cid::Cid;

/// A map for reading. Every operation is complete or names what it misses, and may be called again.
#[derive(Clone, Copy)]
pub struct Map<'s, S> {
    source: &'s S,
    root: Cid,
}

/// An entry where it lies in its leaf, which it keeps in memory.
#[derive(Clone)]
pub struct Entry {
    pub(super) node: Arc<Node>,
    pub(super) at: usize,
}

/// Which entries to list.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// The smallest key.
    pub from: Bound<&'a [u8]>,
    /// The largest key.
    pub to: Bound<&'a [u8]>,
    /// Whether to begin at the largest.
    pub reverse: bool,
}

impl Entry {
    /// Its key.
    pub fn key(&self) -> &[u8] {
        self.node.key(self.at)
    }

    /// Its value.
    pub fn value(&self) -> ValueRef<'_> {
        self.node.value(self.at).expect("an entry is made of a leaf only")
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.value() == other.value()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes, {:?})", self.key().len(), self.value())
    }
}

impl Range<'_> {
    /// All entries.
    pub const ALL: Range<'static> = Range { from: Bound::Unbounded, to: Bound::Unbounded, reverse: false };

    fn is_before(&self, key: &[u8]) -> bool {
        match self.from {
            Bound::Included(from) => key < from,
            Bound::Excluded(from) => key <= from,
            Bound::Unbounded => false,
        }
    }

    fn is_behind(&self, key: &[u8]) -> bool {
        match self.to {
            Bound::Included(to) => key > to,
            Bound::Excluded(to) => key >= to,
            Bound::Unbounded => false,
        }
    }

    /// Whether all keys below `upper` are before the range.
    fn starts_at_or_behind(&self, upper: Option<&[u8]>) -> bool {
        upper.is_some_and(|upper| match self.from {
            Bound::Included(from) | Bound::Excluded(from) => upper <= from,
            Bound::Unbounded => false,
        })
    }
}

impl<'s, S: NodeSource> Map<'s, S> {
    /// The map under a root.
    pub fn at(source: &'s S, root: Cid) -> Self {
        Self { source, root }
    }

    /// The entry of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Entry>, MapError> {
        let Some(leaf) = self.descend(key, |_, _| ())? else { return Ok(None) };
        Ok(leaf.find(key).ok().map(|at| Entry { node: leaf, at }))
    }

    /// Number of entries.
    #[allow(clippy::len_without_is_empty)] // It can fail; ask for 0.
    pub fn len(&self) -> Result<u64, MapError> {
        Ok(open_root(self.source, &self.root)?.count())
    }

    /// Number of keys below `key`, be it there or not.
    pub fn rank(&self, key: &[u8]) -> Result<u64, MapError> {
        let mut before = 0;
        let count = |node: &Node, at: usize| before += node.children().take(at).map(|(_, _, count)| count).sum::<u64>();
        let Some(leaf) = self.descend(key, count)? else { return Ok(0) };
        let (Ok(at) | Err(at)) = leaf.find(key);
        Ok(before + at as u64)
    }

    /// The entry with `n` keys below its own.
    pub fn nth(&self, n: u64) -> Result<Option<Entry>, MapError> {
        let mut place = Place { node: open_root(self.source, &self.root)?, upper: None };
        if n >= place.node.count() {
            return Ok(None);
        }
        let mut rest = n;
        while place.node.level() > 0 {
            let mut at = 0;
            for (_, _, count) in place.node.children() {
                if rest < count {
                    break;
                }
                rest -= count;
                at += 1;
            }
            place.descend(self.source, at)?;
        }
        Ok(Some(Entry { node: place.node, at: rest as usize }))
    }

    /// The first `limit` entries of a range. More are there unless the page is `done`; go on behind its
    /// last key.
    pub fn range(&self, range: Range<'_>, limit: usize) -> Result<Page<Entry>, MapError> {
        let root = open_root(self.source, &self.root)?;
        // One more tells whether it was all.
        let mut scan =
            Scan { source: self.source, range, rest: limit as u64 + 1, found: Vec::new(), holes: Holes::default() };
        scan.visit(&root, None)?;
        scan.holes.none_or_missing()?;
        let done = scan.found.len() <= limit;
        scan.found.truncate(limit);
        Ok(Page { items: scan.found, done })
    }

    /// The addresses of the nodes from the root to where a key is or would be.
    pub(super) fn path(&self, key: &[u8]) -> Result<Vec<Cid>, MapError> {
        let mut path = alloc::vec![self.root];
        self.descend(key, |node, at| path.extend(node.child(at).map(|child| child.cid)))?;
        Ok(path)
    }

    /// The leaf where a key is or would be; `None` if the key is before all. `step` sees every inner node
    /// and the child taken.
    fn descend(&self, key: &[u8], mut step: impl FnMut(&Node, usize)) -> Result<Option<Arc<Node>>, MapError> {
        let mut place = Place { node: open_root(self.source, &self.root)?, upper: None };
        while place.node.level() > 0 {
            let Some(at) = place.node.child_for(key) else { return Ok(None) };
            step(&place.node, at);
            place.descend(self.source, at)?;
        }
        Ok(Some(place.node))
    }
}

/// A node on a way down, and the node and position of the first key behind it.
struct Place {
    node: Arc<Node>,
    upper: Option<(Arc<Node>, usize)>,
}

impl Place {
    fn descend<S: NodeSource>(&mut self, source: &S, at: usize) -> Result<(), MapError> {
        let upper = self.upper.as_ref().map(|(node, at)| node.key(*at));
        let child = open_child(source, &self.node, at, upper)?;
        let parent = core::mem::replace(&mut self.node, child);
        if at + 1 < parent.len() {
            self.upper = Some((parent, at + 1));
        }
        Ok(())
    }
}

struct Scan<'a, S> {
    source: &'a S,
    range: Range<'a>,
    rest: u64,
    found: Vec<Entry>,
    holes: Holes,
}

impl<S: NodeSource> Scan<'_, S> {
    /// Lists what is in range. The depth is bounded by the level, which falls by one each time.
    fn visit(&mut self, node: &Arc<Node>, upper: Option<&[u8]>) -> Result<(), MapError> {
        let count = node.len();
        for step in 0..count {
            if self.rest == 0 || self.holes.is_full() {
                break;
            }
            let at = if self.range.reverse { count - 1 - step } else { step };
            if self.range.is_behind(node.key(at)) {
                continue;
            }
            if node.level() == 0 {
                self.take(node, at);
                continue;
            }
            let upper = if at + 1 < count { Some(node.key(at + 1)) } else { upper };
            if self.range.starts_at_or_behind(upper) {
                continue;
            }
            match open_child(self.source, node, at, upper) {
                Ok(child) => self.visit(&child, upper)?,
                // At most so many entries are in it, so what is looked at next is needed whatever it holds.
                Err(error) => {
                    self.rest = self.rest.saturating_sub(node.child(at).map_or(0, |child| child.count));
                    self.holes.add_from(error)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, node: &Arc<Node>, at: usize) {
        if !self.range.is_before(node.key(at)) {
            self.found.push(Entry { node: node.clone(), at });
            self.rest -= 1;
        }
    }
}

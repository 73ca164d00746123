//! The difference of two maps, found by skipping what both share.

use core::cmp::Ordering;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::limits::STEP_NODES_MAX;
use super::node::{Child, Node};
use super::read::Entry;
use super::source::{Holes, MapError, NodeSource, open_child, open_root};
use crate::cid::Cid;

/// A part of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// Whether the list ends here.
    pub done: bool,
}

/// A key whose value differs: added, removed or changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// The entry in the first map.
    pub old: Option<Entry>,
    /// The entry in the second map.
    pub new: Option<Entry>,
}

/// A comparison of two maps under way.
pub struct Diff {
    roots: [Cid; 2],
    /// Both trees from the place on; `None` until the roots were opened.
    sides: Option<[Side; 2]>,
    /// Where to begin.
    after: Option<Vec<u8>>,
    /// Found, and not handed out because something was missing then.
    found: Vec<Change>,
}

/// What is left of a tree: nodes from the root down, each with its next item; none is without.
#[derive(Clone)]
struct Side {
    path: Vec<(Arc<Node>, usize)>,
}

/// The next item of a side.
#[derive(Clone, Copy)]
enum Next {
    Entry,
    Node { child: Child, level: u8 },
}

/// What one step did.
enum Step {
    Passed(Option<Change>),
    Opened,
}

impl Change {
    /// The key that both entries have.
    pub fn key(&self) -> &[u8] {
        self.new.as_ref().or(self.old.as_ref()).map_or(&[], Entry::key)
    }
}

impl Diff {
    /// What changes from the map under `old` to that under `new`, in order of keys.
    pub fn new(old: Cid, new: Cid) -> Self {
        Self { roots: [old, new], sides: None, after: None, found: Vec::new() }
    }

    /// The same from the first key above `key` on: the continuation of one that was dropped.
    pub fn after(old: Cid, new: Cid, key: Vec<u8>) -> Self {
        Self { after: Some(key), ..Self::new(old, new) }
    }

    /// The next changes, at most `limit`; fewer, or none, if there are no more or much had to be read.
    /// When nodes are missing, what was found stays for the next call.
    pub fn page<S: NodeSource>(&mut self, source: &S, limit: usize) -> Result<Page<Change>, MapError> {
        if self.roots[0] == self.roots[1] {
            return Ok(Page { items: Vec::new(), done: true });
        }
        if self.sides.is_none() {
            self.sides = Some(self.open(source)?);
        }
        let Some(sides) = &mut self.sides else { unreachable!("the sides were just opened") };
        let mut nodes = STEP_NODES_MAX;
        while self.found.len() < limit && nodes > 0 && !sides.iter().all(Side::is_at_end) {
            match step(source, sides) {
                Ok(Step::Passed(change)) => self.found.extend(change),
                Ok(Step::Opened) => nodes -= 1,
                Err(error) => return Err(name_more(source, sides.clone(), error)),
            }
        }
        let done = sides.iter().all(Side::is_at_end);
        let items = core::mem::take(&mut self.found);
        Ok(Page { items, done })
    }

    fn open<S: NodeSource>(&self, source: &S) -> Result<[Side; 2], MapError> {
        let mut holes = Holes::default();
        let mut sides = Vec::with_capacity(2);
        for root in &self.roots {
            match open_root(source, root).and_then(|node| Side::open(source, node, self.after.as_deref())) {
                Ok(side) => sides.push(side),
                Err(error) => holes.add_from(error)?,
            }
        }
        holes.none_or_missing()?;
        Ok(sides.try_into().ok().expect("without a hole both are there"))
    }
}

/// Moves past equal or differing items, or opens one or two nodes.
fn step<S: NodeSource>(source: &S, [old, new]: &mut [Side; 2]) -> Result<Step, MapError> {
    use Next::{Entry, Node};
    match (old.next(), new.next()) {
        (Some(Node { child: a, .. }), Some(Node { child: b, .. })) if a == b && old.key() == new.key() => {
            old.pass();
            new.pass();
            return Ok(Step::Passed(None));
        }
        (Some(Node { level: a, .. }), Some(Node { level: b, .. })) => match a.cmp(&b).then(new.key().cmp(&old.key())) {
            Ordering::Greater => old.open_next(source)?,
            Ordering::Less => new.open_next(source)?,
            Ordering::Equal => open_both(source, old, new)?,
        },
        (Some(Entry), Some(Entry)) => {
            let order = old.key().cmp(&new.key());
            let old = if order.is_le() { old.take_entry() } else { None };
            let new = if order.is_ge() { new.take_entry() } else { None };
            return Ok(Step::Passed(Some(Change { old, new }).filter(|change| change.old != change.new)));
        }
        (Some(Entry), other) if other.is_none() || old.key() < new.key() => {
            return Ok(Step::Passed(Some(Change { old: old.take_entry(), new: None })));
        }
        (other, Some(Entry)) if other.is_none() || new.key() < old.key() => {
            return Ok(Step::Passed(Some(Change { old: None, new: new.take_entry() })));
        }
        (Some(Node { .. }), _) => old.open_next(source)?,
        (_, Some(Node { .. })) => new.open_next(source)?,
        (Some(Entry), None) | (None, Some(Entry)) | (None, None) => {
            unreachable!("entries were taken, the ends are not stepped from")
        }
    }
    Ok(Step::Opened)
}

/// Two nodes of one level that begin at one key and differ: both are needed.
fn open_both<S: NodeSource>(source: &S, old: &mut Side, new: &mut Side) -> Result<(), MapError> {
    let (a, b) = (old.peek(source), new.peek(source));
    let mut holes = Holes::default();
    let mut opened = Vec::with_capacity(2);
    for node in [a, b] {
        match node {
            Ok(node) => opened.push(node),
            Err(error) => holes.add_from(error)?,
        }
    }
    holes.none_or_missing()?;
    for (side, node) in [old, new].into_iter().zip(opened) {
        side.enter(node);
    }
    Ok(())
}

/// Goes on beside the holes to find those that are needed too.
fn name_more<S: NodeSource>(source: &S, mut sides: [Side; 2], error: MapError) -> MapError {
    let mut holes = Holes::default();
    let mut named = holes.add_from(error);
    let mut nodes = STEP_NODES_MAX;
    while named.is_ok() && nodes > 0 && !holes.is_full() && !sides.iter().all(Side::is_at_end) {
        match step(source, &mut sides) {
            Ok(Step::Passed(_)) => {}
            Ok(Step::Opened) => nodes -= 1,
            Err(error) => named = holes.add_from(error).and_then(|()| pass_hidden(source, &mut sides, &mut holes)),
        }
    }
    match named.and_then(|()| holes.none_or_missing()) {
        Err(error) => error,
        Ok(()) => unreachable!("it was given a hole"),
    }
}

/// Passes the missing node that is in the way, and everything on both sides that lies under its keys.
/// Nodes of its level that overlap with it differ from it, so they are needed as well.
fn pass_hidden<S: NodeSource>(source: &S, sides: &mut [Side; 2], holes: &mut Holes) -> Result<(), MapError> {
    let missing = (0..2).filter(|side| sides[*side].level().is_some() && sides[*side].peek(source).is_err());
    let first = |a: &usize, b: &usize| {
        let (a, b) = (&sides[*a], &sides[*b]);
        a.level().cmp(&b.level()).then(b.key().cmp(&a.key()))
    };
    let Some(hidden) = missing.max_by(first) else { return Ok(()) };
    let level = sides[hidden].level();
    sides[hidden].pass();
    // The first key that is not hidden, if there is one.
    let mut end = sides[hidden].key().map(<[u8]>::to_vec);
    while let Some(side) = sides.iter_mut().find(|side| side.key().is_some_and(|key| is_below(key, end.as_deref()))) {
        if side.level() == level
            && let Err(error) = side.peek(source)
        {
            holes.add_from(error)?;
        }
        side.pass();
        if side.key().is_none_or(|key| !is_below(key, end.as_deref())) {
            end = side.key().map(<[u8]>::to_vec);
        }
    }
    Ok(())
}

fn is_below(key: &[u8], end: Option<&[u8]>) -> bool {
    end.is_none_or(|end| key < end)
}

impl Side {
    fn open<S: NodeSource>(source: &S, root: Arc<Node>, after: Option<&[u8]>) -> Result<Self, MapError> {
        let mut side = Self { path: Vec::new() };
        side.push(root);
        while let (Some(after), Some((node, at))) = (after, side.path.last_mut()) {
            if node.level() > 0 {
                let Some(child) = node.child_for(after) else { break };
                *at = child;
                side.open_next(source)?;
            } else {
                *at = node.find(after).map_or_else(|at| at, |at| at + 1);
                side.trim();
                break;
            }
        }
        Ok(side)
    }

    fn is_at_end(&self) -> bool {
        self.path.is_empty()
    }

    fn next(&self) -> Option<Next> {
        let (node, at) = self.path.last()?;
        Some(node.child(*at).map_or(Next::Entry, |child| Next::Node { child, level: node.level() - 1 }))
    }

    fn key(&self) -> Option<&[u8]> {
        self.path.last().map(|(node, at)| node.key(*at))
    }

    /// The level of the node that is next, if it is not an entry.
    fn level(&self) -> Option<u8> {
        self.path.last().and_then(|(node, _)| node.level().checked_sub(1))
    }

    fn pass(&mut self) {
        if let Some((_, at)) = self.path.last_mut() {
            *at += 1;
        }
        self.trim();
    }

    fn take_entry(&mut self) -> Option<Entry> {
        let (node, at) = self.path.last()?;
        let entry = Entry { node: node.clone(), at: *at };
        self.pass();
        Some(entry)
    }

    /// The node that is next, without going into it.
    fn peek<S: NodeSource>(&self, source: &S) -> Result<Arc<Node>, MapError> {
        let ((node, at), above) = self.path.split_last().expect("it is not at the end");
        let upper = above.last().map(|(node, at)| node.key(*at));
        open_child(source, node, *at, upper)
    }

    fn enter(&mut self, node: Arc<Node>) {
        self.pass();
        self.push(node);
    }

    fn open_next<S: NodeSource>(&mut self, source: &S) -> Result<(), MapError> {
        let node = self.peek(source)?;
        self.enter(node);
        Ok(())
    }

    fn push(&mut self, node: Arc<Node>) {
        self.path.push((node, 0));
        self.trim();
    }

    /// Drops the nodes that are through, so that the last one has an item.
    fn trim(&mut self) {
        while self.path.last().is_some_and(|(node, at)| *at == node.len()) {
            self.path.pop();
        }
    }
}

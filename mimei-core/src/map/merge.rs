//! Three-way merge: what either side changed since a common base, on one map.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::diff::{Change, Diff};
use super::edit::{BatchEdit, EditStep};
use super::limits::{MERGE_EDITS_MAX, MERGE_PAGE};
use super::node::Value;
use super::read::Entry;
use super::shape::Salt;
use super::source::{Holes, MapError, NodeSink, NodeSource};
use crate::cid::Cid;

/// A key that both sides changed, and not to the same.
#[derive(Clone, PartialEq, Debug)]
pub struct Clash {
    /// What the base has.
    pub base: Option<Entry>,
    /// What side `a` has; `None` if it deleted the key.
    pub a: Option<Entry>,
    /// What side `b` has; `None` if it deleted the key.
    pub b: Option<Entry>,
}

/// What shall become of a clash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What the merged map gets.
    pub outcome: Outcome,
    /// Whether to list the clash as a conflict for a person to see.
    pub conflict: bool,
}

/// What a key gets in the merged map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// What side `a` has.
    A,
    /// What side `b` has.
    B,
    /// This value, or nothing.
    New(Option<Value>),
}

/// A merge under way.
pub struct Merge {
    salt: Salt,
    /// Side `a` with all that was merged into it so far.
    root: Cid,
    a: Changes,
    b: Changes,
    edits: Vec<(Vec<u8>, Option<Value>)>,
    conflicts: Vec<Clash>,
    applying: Option<BatchEdit>,
}

/// What a step of a merge came to.
#[derive(Clone, PartialEq, Debug)]
pub struct MergeStep {
    /// Conflicts found since the last step, in order of keys.
    pub conflicts: Vec<Clash>,
    /// The root of the merged map, when it is through.
    pub root: Option<Cid>,
}

/// The changes of one side, read ahead.
struct Changes {
    diff: Diff,
    ahead: VecDeque<Change>,
    done: bool,
}

impl Clash {
    /// The key.
    pub fn key(&self) -> &[u8] {
        self.a.as_ref().or(self.b.as_ref()).or(self.base.as_ref()).map_or(&[], Entry::key)
    }
}

impl Merge {
    /// Merges `b` into `a`. With a verdict that does not depend on which side is which,
    /// the result does not either.
    pub fn new(base: Cid, a: Cid, b: Cid, salt: Salt) -> Self {
        // A side that changed nothing has nothing to say; equal sides have nothing to add.
        let (root, b) = if a == base {
            (b, base)
        } else if a == b {
            (a, base)
        } else {
            (a, b)
        };
        Self {
            salt,
            root,
            a: Changes::new(base, a),
            b: Changes::new(base, b),
            edits: Vec::new(),
            conflicts: Vec::new(),
            applying: None,
        }
    }

    /// Goes on for some hundred changes. The resolver is asked once for each clash.
    pub fn step<S: NodeSource + NodeSink>(
        &mut self,
        store: &mut S,
        mut resolve: impl FnMut(&Clash) -> Verdict,
    ) -> Result<MergeStep, MapError> {
        self.apply(store)?;
        if self.applying.is_some() {
            return Ok(MergeStep { conflicts: Vec::new(), root: None });
        }
        self.read_ahead(store)?;
        while self.a.is_ready() && self.b.is_ready() && self.edits.len() < MERGE_EDITS_MAX {
            match (self.a.key(), self.b.key()) {
                (_, None) => break,
                (Some(a), Some(b)) if a < b => drop(self.a.ahead.pop_front()),
                (Some(a), Some(b)) if a == b => self.settle(&mut resolve)?,
                _ => self.take_b(),
            }
        }
        let through = self.b.done && self.b.ahead.is_empty();
        if !self.edits.is_empty() && (through || self.edits.len() >= MERGE_EDITS_MAX) {
            let edits = core::mem::take(&mut self.edits);
            let batch = BatchEdit::new(self.root, self.salt, edits);
            self.applying = Some(batch.expect("differences come in order, verdicts were checked"));
        }
        let root = if through && self.applying.is_none() { Some(self.root) } else { None };
        Ok(MergeStep { conflicts: core::mem::take(&mut self.conflicts), root })
    }

    fn apply<S: NodeSource + NodeSink>(&mut self, store: &mut S) -> Result<(), MapError> {
        if let Some(edit) = &mut self.applying
            && let EditStep::Done(root) = edit.step(store)?
        {
            self.root = root;
            self.applying = None;
        }
        Ok(())
    }

    fn read_ahead<S: NodeSource>(&mut self, source: &S) -> Result<(), MapError> {
        let mut holes = Holes::default();
        for side in [&mut self.a, &mut self.b] {
            side.read_ahead(source).or_else(|error| holes.add_from(error))?;
        }
        holes.none_or_missing()
    }

    /// A key that only `b` changed.
    fn take_b(&mut self) {
        if let Some(change) = self.b.ahead.pop_front() {
            self.edits.push((change.key().to_vec(), change.new.as_ref().map(value_of)));
        }
    }

    /// A key that both changed.
    fn settle(&mut self, resolve: &mut impl FnMut(&Clash) -> Verdict) -> Result<(), MapError> {
        let (Some(a), Some(b)) = (self.a.ahead.front(), self.b.ahead.front()) else { return Ok(()) };
        if a.new != b.new {
            let clash = Clash { base: a.old.clone(), a: a.new.clone(), b: b.new.clone() };
            let verdict = resolve(&clash);
            if let Outcome::New(Some(value)) = &verdict.outcome {
                value.check().map_err(MapError::Verdict)?;
            }
            match verdict.outcome {
                Outcome::A => {}
                Outcome::B => self.edits.push((clash.key().to_vec(), clash.b.as_ref().map(value_of))),
                Outcome::New(value) => self.edits.push((clash.key().to_vec(), value)),
            }
            if verdict.conflict {
                self.conflicts.push(clash);
            }
        }
        self.a.ahead.pop_front();
        self.b.ahead.pop_front();
        Ok(())
    }
}

impl Changes {
    fn new(base: Cid, side: Cid) -> Self {
        Self { diff: Diff::new(base, side), ahead: VecDeque::new(), done: false }
    }

    fn read_ahead<S: NodeSource>(&mut self, source: &S) -> Result<(), MapError> {
        if self.ahead.is_empty() && !self.done {
            let page = self.diff.page(source, MERGE_PAGE)?;
            self.ahead.extend(page.items);
            self.done = page.done;
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.done || !self.ahead.is_empty()
    }

    fn key(&self) -> Option<&[u8]> {
        self.ahead.front().map(Change::key)
    }
}

fn value_of(entry: &Entry) -> Value {
    entry.value().to_value()
}

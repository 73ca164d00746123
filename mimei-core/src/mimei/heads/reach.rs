//! Walks along `prev`, from larger numbers to smaller ones, so that every head is
//! met once and a walk ends where nothing can change any more.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::record::Head;
use super::set::HeadSet;
use crate::cid::HeadId;
use crate::order;

/// Heads to look at, the largest number first. Some are *covered*: they descend to nothing new.
#[derive(Default)]
pub(super) struct Descent {
    open: BTreeMap<(u64, HeadId), bool>,
    uncovered: usize,
}

impl Descent {
    pub(super) fn add(&mut self, seq: u64, id: HeadId, covered: bool) {
        match self.open.insert((seq, id), covered) {
            None => self.uncovered += usize::from(!covered),
            // Covered once is covered.
            Some(true) if !covered => _ = self.open.insert((seq, id), true),
            Some(false) if covered => self.uncovered -= 1,
            Some(_) => {}
        }
    }

    /// The next head and whether it is covered; none if all that is left is covered.
    pub(super) fn next(&mut self) -> Option<(HeadId, bool)> {
        if self.uncovered == 0 {
            return None;
        }
        let ((_, id), covered) = self.open.pop_last()?;
        self.uncovered -= usize::from(!covered);
        Some((id, covered))
    }
}

impl HeadSet {
    /// Whether one of `from` is `id`, whose number is `seq`, or descends from it.
    pub(super) fn any_reaches(&self, from: &[HeadId], id: &HeadId, seq: u64) -> bool {
        let mut open: Vec<HeadId> = from.to_vec();
        let mut seen: BTreeSet<HeadId> = BTreeSet::new();
        while let Some(next) = open.pop() {
            if next == *id {
                return true;
            }
            if let Some(head) = self.head(&next).filter(|head| head.seq > seq)
                && seen.insert(next)
            {
                open.extend(&head.prev);
            }
        }
        false
    }

    /// The heads among `of` and before them that are neither among `known` nor before those; each
    /// after those it follows.
    pub(super) fn between(&self, of: &[HeadId], known: &[HeadId]) -> Vec<HeadId> {
        let mut descent = Descent::default();
        for (ids, covered) in [(of, false), (known, true)] {
            for (id, head) in ids.iter().filter_map(|id| Some((id, self.head(id)?))) {
                descent.add(head.seq, *id, covered);
            }
        }
        let mut found = Vec::new();
        while let Some((id, covered)) = descent.next() {
            if !covered {
                found.push(id);
            }
            self.descend(&mut descent, &id, covered);
        }
        found.reverse();
        found
    }

    /// Those of `ids` from which no other of them descends, in rising order.
    pub(super) fn maximal(&self, ids: &[HeadId]) -> Vec<HeadId> {
        let mut descent = Descent::default();
        for (id, head) in ids.iter().filter_map(|id| Some((id, self.head(id)?))) {
            descent.add(head.seq, *id, false);
        }
        let mut maximal = Vec::new();
        while let Some((id, covered)) = descent.next() {
            if !covered {
                maximal.push(id);
            }
            self.descend(&mut descent, &id, true);
        }
        order::sort(&mut maximal);
        maximal
    }

    pub(super) fn descend(&self, descent: &mut Descent, id: &HeadId, covered: bool) {
        let prev = self.head(id).map(|head| head.prev.as_slice()).unwrap_or_default();
        for (prev, head) in prev.iter().filter_map(|prev| Some((prev, self.head(prev)?))) {
            descent.add(head.seq, *prev, covered);
        }
    }

    pub(super) fn head(&self, id: &HeadId) -> Option<&Head> {
        self.get(id).map(|signed| &signed.body)
    }
}

//! What a new version stands on: the newest one, or all tips of a folder joined entry by entry.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::future::Future;
use core::pin::Pin;

use super::Item;
use super::blocks::Nodes;
use super::fault::Fault;
use crate::cid::{Cid, VersionId};
use crate::map::{BatchEdit, Builder, Clash, EditStep, Merge, Outcome, Salt, Value, Verdict};
use crate::mimei::{FileName, Kind, StateKey, VERSION_PARENTS_MAX};
use crate::order;
use crate::peer::Shared;
use crate::seal::StoredBlock;

/// What a new version stands on.
#[derive(Default)]
pub(super) struct Base {
    /// The state to edit; none if there is no version yet.
    pub(super) root: Option<Cid>,
    /// The versions that the new one follows, in rising order.
    pub(super) parents: Vec<VersionId>,
    /// Nodes that joining made.
    pub(super) fresh: Vec<(StoredBlock, Vec<Cid>)>,
    /// Files that both sides changed, under the names of the second copies.
    pub(super) kept_twice: Vec<FileName>,
}

/// What a new version of this MiMei stands on now.
pub(super) async fn base(shared: &Shared, item: &Item) -> Result<Base, Fault> {
    let mut tips: Vec<VersionId> =
        item.state().tips_here(shared.effects.now()).states().iter().map(|tip| tip.last).collect();
    let Some(winner) = tips.first().copied() else { return Ok(Base::default()) };
    let mut seen = BTreeSet::new();
    tips.retain(|version| seen.insert(*version));
    tips.truncate(VERSION_PARENTS_MAX);
    let mut base = Base { root: Some(root_of(item, &winner)?), ..Base::default() };
    if item.state().genesis.kind == Kind::Folder {
        for (at, other) in tips.iter().enumerate().skip(1) {
            join(shared, item, &mut base, &tips[..at], other).await?;
        }
    }
    order::sort(&mut tips);
    base.parents = tips;
    Ok(base)
}

fn root_of(item: &Item, version: &VersionId) -> Result<Cid, Fault> {
    item.state().versions.get(version).map(|version| version.body.root).ok_or_else(Fault::unknown)
}

/// Joins another tip into the base. What both changed is kept twice.
async fn join(
    shared: &Shared,
    item: &Item,
    base: &mut Base,
    joined: &[VersionId],
    other: &VersionId,
) -> Result<(), Fault> {
    let ours = base.root.ok_or_else(Fault::unknown)?;
    let salt = shared.vault.borrow().salt(&item.id)?;
    let mut nodes = Nodes::new(shared, item, salt);
    nodes.know(core::mem::take(&mut base.fresh));
    let mut joiner = Joiner { item, salt, nodes, clashes: Vec::new() };
    let root = joiner.join(joined, ours, other, 0).await?;
    let (root, kept_twice) = keep_twice(&mut joiner.nodes, root, salt, &joiner.clashes).await?;
    base.root = Some(root);
    base.kept_twice.extend(kept_twice);
    base.fresh = joiner.nodes.fresh;
    Ok(())
}

/// How often ancestors are joined to get the ancestor of others; below that the newest one serves.
const DEPTH_MAX: usize = 8;

struct Joiner<'a> {
    item: &'a Item,
    salt: Salt,
    nodes: Nodes<'a>,
    /// Clashes of the outermost join; those between ancestors were settled long ago.
    clashes: Vec<Clash>,
}

impl Joiner<'_> {
    /// Joins a version into `ours`, the state in which `joined` already are one.
    fn join<'s>(
        &'s mut self,
        joined: &'s [VersionId],
        ours: Cid,
        other: &'s VersionId,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Cid, Fault>> + 's>> {
        Box::pin(async move {
            let theirs = root_of(self.item, other)?;
            let ancestor = self.ancestor(joined, other, depth).await?;
            let mut merge = Merge::new(ancestor, ours, theirs, self.salt);
            let mut clashes = Vec::new();
            let run = |nodes: &mut Nodes<'_>| loop {
                let step = merge.step(nodes, verdict)?;
                clashes.extend(step.conflicts);
                if let Some(root) = step.root {
                    return Ok(root);
                }
            };
            let root = self.nodes.run(run).await?;
            if depth == 0 {
                self.clashes.extend(clashes);
            }
            Ok(root)
        })
    }

    /// The state that both sides changed. After merges that crossed there are several newest
    /// common versions; joined they are that state.
    async fn ancestor(&mut self, joined: &[VersionId], other: &VersionId, depth: usize) -> Result<Cid, Fault> {
        let mut common = common_ancestors(self.item, joined, other);
        if depth >= DEPTH_MAX {
            common.truncate(1);
        }
        let Some(first) = common.first() else {
            let salt = self.salt;
            return self.nodes.run(|nodes| Ok(Builder::new(salt).finish(nodes))).await;
        };
        let mut root = root_of(self.item, first)?;
        for at in 1..common.len() {
            root = self.join(&common[..at], root, &common[at], depth + 1).await?;
        }
        Ok(root)
    }
}

/// Whoever changed a file keeps it against whoever removed it; of two changes ours keeps the name.
fn verdict(clash: &Clash) -> Verdict {
    let both = clash.a.is_some() && clash.b.is_some();
    let is_file = matches!(StateKey::from_bytes(clash.key()), Some(StateKey::File(_)));
    Verdict { outcome: if clash.a.is_some() { Outcome::A } else { Outcome::B }, conflict: both && is_file }
}

/// Puts the other side's file of every clash under a second name.
async fn keep_twice(
    nodes: &mut Nodes<'_>,
    root: Cid,
    salt: Salt,
    clashes: &[Clash],
) -> Result<(Cid, Vec<FileName>), Fault> {
    let mut names = Vec::new();
    let mut edits: Vec<(Vec<u8>, Option<Value>)> = Vec::new();
    for clash in clashes {
        let (Some(StateKey::File(name)), Some(other)) = (StateKey::from_bytes(clash.key()), &clash.b) else { continue };
        let value = other.value().to_value();
        let mark = value.links().first().map(|blob| format!("{blob}")).unwrap_or_default();
        let second = second_name(&name, &mark);
        edits.push((StateKey::File(second.clone()).to_bytes(), Some(value)));
        names.push(second);
    }
    order::sort_by_key(&mut edits, |edit| edit.0.clone());
    edits.dedup_by(|a, b| a.0 == b.0);
    let mut edit = BatchEdit::new(root, salt, edits).map_err(Fault::argument)?;
    let root = nodes
        .run(|nodes| {
            loop {
                if let EditStep::Done(root) = edit.step(nodes)? {
                    return Ok(root);
                }
            }
        })
        .await?;
    Ok((root, names))
}

/// Characters of the blob's address that tell two copies apart: of those the last differ.
const MARK_CHARS: usize = 6;

/// `notes.txt` becomes `notes (other abc123).txt`, the same on every device.
fn second_name(name: &FileName, mark: &str) -> FileName {
    let (stem, ext) = match name.as_str().rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => (stem, format!(".{ext}")),
        _ => (name.as_str(), String::new()),
    };
    let mark = &mark[mark.len().saturating_sub(MARK_CHARS)..];
    let addition = format!(" (other {mark}){ext}");
    let mut stem = String::from(stem);
    // A name has at most 255 bytes; an extension that leaves no room for a stem goes with it.
    while !stem.is_empty() && stem.len() + addition.len() > 255 {
        stem.pop();
    }
    FileName::new(&format!("{stem}{addition}"))
        .or_else(|_| FileName::new(&format!("other {mark}")))
        .unwrap_or_else(|_| name.clone())
}

/// The versions that both sides stand on and that no other such version stands on, the newest first.
fn common_ancestors(item: &Item, joined: &[VersionId], other: &VersionId) -> Vec<VersionId> {
    let ours = lineage(item, joined);
    let mut common: Vec<VersionId> =
        lineage(item, core::slice::from_ref(other)).into_iter().filter(|id| ours.contains(id)).collect();
    let state = item.state();
    // Of equal numbers the lowest id first, so that every device takes the same.
    order::sort_by_key(&mut common, |id| (Reverse(state.versions.get(id).map(|version| version.body.number)), *id));
    let mut covered = BTreeSet::new();
    let mut newest = Vec::new();
    for id in common {
        if !covered.contains(&id) {
            covered.extend(lineage(item, &[id]));
            newest.push(id);
        }
    }
    newest
}

/// These versions and all that they stand on.
fn lineage(item: &Item, of: &[VersionId]) -> BTreeSet<VersionId> {
    let state = item.state();
    let mut open = of.to_vec();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if let Some(version) = state.versions.get(&id).filter(|_| found.insert(id)) {
            open.extend(&version.body.parents);
        }
    }
    found
}

//! What a new version stands on: the newest one, or all tips of a folder joined entry by entry.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Item;
use super::blocks::Nodes;
use super::fault::Fault;
use crate::cid::{Cid, VersionId};
use crate::map::{BatchEdit, Clash, EditStep, Merge, Outcome, Value, Verdict};
use crate::mimei::{FileName, Kind, StateKey, VERSION_PARENTS_MAX};
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
        item.state().tips(shared.effects.now()).states().iter().map(|tip| tip.last).collect();
    let Some(winner) = tips.first().copied() else { return Ok(Base::default()) };
    let mut seen = alloc::collections::BTreeSet::new();
    tips.retain(|version| seen.insert(*version));
    tips.truncate(VERSION_PARENTS_MAX);
    let mut base = Base { root: Some(root_of(item, &winner)?), ..Base::default() };
    if item.state().genesis.kind == Kind::Folder {
        for other in &tips[1..] {
            join(shared, item, &mut base, &winner, other).await?;
        }
    }
    tips.sort_unstable();
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
    winner: &VersionId,
    other: &VersionId,
) -> Result<(), Fault> {
    let ours = base.root.ok_or_else(Fault::unknown)?;
    let theirs = root_of(item, other)?;
    let salt = shared.vault.borrow().salt(&item.id)?;
    let mut nodes = Nodes::new(shared, item, salt);
    nodes.know(core::mem::take(&mut base.fresh));
    let ancestor = match common_ancestor(item, winner, other) {
        Some(version) => root_of(item, &version)?,
        None => nodes.run(|nodes| Ok(crate::map::Builder::new(salt).finish(nodes))).await?,
    };
    let mut merge = Merge::new(ancestor, ours, theirs, salt);
    let mut clashes: Vec<Clash> = Vec::new();
    let root = nodes
        .run(|nodes| {
            loop {
                let step = merge.step(nodes, verdict)?;
                clashes.extend(step.conflicts);
                if let Some(root) = step.root {
                    return Ok(root);
                }
            }
        })
        .await?;
    let (root, kept_twice) = keep_twice(&mut nodes, root, salt, &clashes).await?;
    base.root = Some(root);
    base.kept_twice.extend(kept_twice);
    base.fresh = nodes.fresh;
    Ok(())
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
    salt: crate::map::Salt,
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
    edits.sort_by(|a, b| a.0.cmp(&b.0));
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

/// The newest version that both stand on.
fn common_ancestor(item: &Item, a: &VersionId, b: &VersionId) -> Option<VersionId> {
    let state = item.state();
    let lineage = |of: &VersionId| {
        let mut open = alloc::vec![*of];
        let mut found = alloc::collections::BTreeSet::new();
        while let Some(id) = open.pop() {
            if let Some(version) = state.versions.get(&id).filter(|_| found.insert(id)) {
                open.extend(&version.body.parents);
            }
        }
        found
    };
    let of_a = lineage(a);
    let common = lineage(b).into_iter().filter(|id| of_a.contains(id));
    // Of equal numbers the lowest id, so that every device takes the same.
    common.max_by_key(|id| (state.versions.get(id).map(|version| version.body.number), core::cmp::Reverse(*id)))
}

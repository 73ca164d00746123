//! What this device shows of a MiMei.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Bound;

use super::Item;
use super::blocks::Nodes;
use super::commands::{FileEntry, ForkView, ItemOutcome, ItemView, ShareView, SharedWith, TipView, VersionView};
use super::fault::Fault;
use super::{fetching, progress};
use crate::cid::{Cid, MimeiId, VersionId};
use crate::limits::SCAN_ROWS_MAX;
use crate::link::At;
use crate::map::{Map, Range};
use crate::mimei::{Audience, Contents, Kind, PIECE_BYTES, Piece, Right, Rights, StateKey, UploadId};
use crate::order;
use crate::peer::Shared;
use crate::store::{Scan, Table};

/// Files of a folder that are read at once.
const PAGE: usize = 1000;

pub(super) fn empty() -> Fault {
    Fault::rule("mimei.empty", "nothing has been saved here yet")
}

/// What this device may do, by its user and by the link that it has.
pub(super) fn rights(shared: &Shared, item: &Item) -> Rights {
    let (state, now) = (item.state(), shared.effects.now());
    let link = shared.vault.borrow().link_key(&item.id);
    let by_link = link.map(|link| state.view.rights_of_link(&link, now)).unwrap_or_default();
    state.view.rights_of(&shared.log.borrow().user(), now).and(by_link)
}

pub(super) fn view(shared: &Shared, item: &Item) -> ItemView {
    let (state, now) = (item.state(), shared.effects.now());
    let tips = state.tips_here(now);
    let mut versions: Vec<VersionView> = state
        .versions
        .iter()
        .map(|(id, signed)| VersionView {
            version: *id,
            number: signed.body.number,
            time: signed.body.time,
            by: signed.body.by.user,
            parents: signed.body.parents.clone(),
        })
        .collect();
    order::sort_by_key(&mut versions, |version| (version.number, version.version));
    ItemView {
        mimei: item.id,
        kind: state.genesis.kind,
        ext: state.genesis.ext.clone(),
        app: state.genesis.app.clone(),
        author: state.genesis.author,
        rights: rights(shared, item),
        everyone: state.view.everyone(now),
        shares: state.view.audiences().iter().map(share).collect(),
        forks: state.heads.equivocations().map(|(device, heads)| ForkView { device: *device, heads }).collect(),
        tips: tips.states().iter().map(|tip| TipView { head: tip.id, last: tip.last, release: tip.release }).collect(),
        tips_total: tips.all().len(),
        versions,
        uploads: progress::shown(item, now),
        unsent_blocks: item.outbox.borrow().blocks,
        is_waiting: item.is_waiting(),
        seen: item.seen.get().or(item.seen_before.get()),
    }
}

fn share(audience: &Audience) -> ShareView {
    ShareView { with: SharedWith::from(&audience.who), rights: audience.rights, until: audience.until }
}

pub(super) fn view_outcome(shared: &Shared, item: &Rc<Item>) -> Result<ItemOutcome, Fault> {
    Ok(ItemOutcome::Item { view: Box::new(view(shared, item)), at: current(shared, item), warning: None })
}

/// What is shown without a selector: the newest version to those who work on it, else the release.
pub(super) fn current(shared: &Shared, item: &Item) -> Option<VersionId> {
    let tip = item.state().tips_here(shared.effects.now()).winner().copied()?;
    let works_on_it = rights(shared, item).has(Right::Save);
    Some(if works_on_it { tip.last } else { tip.release.unwrap_or(tip.last) })
}

/// The version that a selector means under the current head.
pub(super) fn find(shared: &Shared, item: &Item, at: At) -> Result<VersionId, Fault> {
    let state = item.state();
    let winner = state.tips_here(shared.effects.now()).winner().copied();
    let unknown = || Fault::rule("mimei.noVersion", "this MiMei has no such version");
    match at {
        At::Current => current(shared, item).ok_or_else(empty),
        At::Last => winner.map(|tip| tip.last).ok_or_else(empty),
        At::Release => {
            let none = || Fault::rule("mimei.noVersion", "no version was chosen for visitors yet");
            winner.ok_or_else(empty)?.release.ok_or_else(none)
        }
        At::Version(id) => state.versions.contains_key(&id).then_some(id).ok_or_else(unknown),
        At::Number(number) => {
            // Numbers are told apart along the lineage of the winner.
            let mut open: Vec<VersionId> = winner.map(|tip| tip.last).into_iter().collect();
            let mut seen = alloc::collections::BTreeSet::new();
            while let Some(id) = open.pop() {
                let Some(version) = state.versions.get(&id).filter(|_| seen.insert(id)) else { continue };
                if version.body.number == number {
                    return Ok(id);
                }
                if version.body.number > number {
                    open.extend(version.body.parents.iter().rev());
                }
            }
            Err(unknown())
        }
    }
}

pub(super) fn resolve(shared: &Shared, item: &Item, at: At) -> Result<ItemOutcome, Fault> {
    let version = find(shared, item, at)?;
    let number = item.state().versions.get(&version).map_or(0, |version| version.body.number);
    Ok(ItemOutcome::Version { version, number })
}

pub(super) async fn known(shared: &Shared) -> Result<ItemOutcome, Fault> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let scan = Scan { table: Table::Mimei, prefix: Vec::new(), after, limit: SCAN_ROWS_MAX };
        let page = shared.effects.scan(scan).await?;
        let is_last = page.len() < SCAN_ROWS_MAX;
        found.extend(page);
        if is_last {
            break;
        }
    }
    Ok(ItemOutcome::Mimeis(found.iter().map(|(_, genesis)| MimeiId::of(genesis)).collect()))
}

fn root(item: &Item, version: &VersionId) -> Result<Cid, Fault> {
    let state = item.state();
    let version =
        state.versions.get(version).ok_or_else(|| Fault::rule("mimei.noVersion", "this MiMei has no such version"))?;
    Ok(version.body.root)
}

pub(super) async fn list(shared: &Shared, item: &Item, version: VersionId) -> Result<ItemOutcome, Fault> {
    files_of(shared, item, root(item, &version)?).await.map(ItemOutcome::Files)
}

/// What an upload of somebody else holds so far.
pub(super) async fn list_upload(shared: &Shared, item: &Item, upload: UploadId) -> Result<ItemOutcome, Fault> {
    let shown = progress::shown(item, shared.effects.now());
    let over = || Fault::rule("upload.over", "that upload is over, or nothing was heard of it for a while");
    let upload = shown.into_iter().find(|shown| shown.upload == upload).ok_or_else(over)?;
    let files = files_of(shared, item, upload.root).await?;
    match &files[..] {
        [file] if file.contents.length == upload.done => Ok(ItemOutcome::Files(files)),
        _ => Err(Fault::verify("an upload shows something else than its device says")),
    }
}

async fn files_of(shared: &Shared, item: &Item, root: Cid) -> Result<Vec<FileEntry>, Fault> {
    let salt = shared.vault.borrow().salt(&item.id)?;
    let mut nodes = Nodes::new(shared, item, salt);
    let mut files = Vec::new();
    if item.state().genesis.kind == Kind::File {
        let entry = nodes.run(|nodes| Map::at(nodes, root).get(&StateKey::Contents.to_bytes())).await?;
        if let Some(entry) = entry {
            files.push(FileEntry { name: None, contents: contents(entry.value())? });
        }
        return Ok(files);
    }
    let mut from = StateKey::FILES.0.to_vec();
    loop {
        let range = |from| Range { from, to: Bound::Excluded(StateKey::FILES.1), reverse: false };
        let page = nodes.run(|nodes| Map::at(nodes, root).range(range(Bound::Excluded(&from)), PAGE)).await?;
        for entry in &page.items {
            if let Some(StateKey::File(name)) = StateKey::from_bytes(entry.key()) {
                files.push(FileEntry { name: Some(name), contents: contents(entry.value())? });
            }
        }
        match page.items.last() {
            Some(last) if !page.done => from = last.key().to_vec(),
            _ => return Ok(files),
        }
    }
}

fn contents(value: crate::map::ValueRef<'_>) -> Result<Contents, Fault> {
    let links: Vec<Cid> = value.links().copied().collect();
    Contents::from_value(value.bytes(), &links).map_err(Fault::verify)
}

pub(super) async fn piece(shared: &Shared, item: &Item, contents: Contents, offset: u64) -> Result<ItemOutcome, Fault> {
    let piece_bytes = u64::from(PIECE_BYTES);
    if !offset.is_multiple_of(piece_bytes) || (offset >= contents.length && offset > 0) {
        return Err(Fault::argument("a piece begins at a multiple of 262,144 within the file"));
    }
    let length = (contents.length - offset).min(piece_bytes) as u32;
    let cid = if contents.is_one_piece() {
        contents.blob
    } else {
        let mut nodes = Nodes::new(shared, item, shared.vault.borrow().blob_salt());
        let key = Piece::key(offset);
        let entry = nodes.run(|nodes| Map::at(nodes, contents.blob).get(&key)).await?;
        let entry = entry.ok_or_else(|| Fault::verify("the file lacks a piece; whoever saved it broke it"))?;
        let links: Vec<Cid> = entry.value().links().copied().collect();
        let piece = Piece::from_entry(entry.key(), entry.value().bytes(), &links).map_err(Fault::verify)?;
        if piece.length != length {
            return Err(Fault::verify("a piece has another length than the file says"));
        }
        piece.cid
    };
    let body = fetching::piece(shared, item, cid, !contents.is_one_piece()).await?.body;
    if body.len() as u64 != u64::from(length) {
        return Err(Fault::verify("a piece has another length than the file says"));
    }
    Ok(ItemOutcome::Bytes(body))
}

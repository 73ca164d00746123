//! What this device changes. Everything is kept here first, and sent by itself.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

use super::blocks::{self, Arrival, Keep, Nodes};
use super::commands::{Edit, ItemName, ItemOutcome, NewFile, NewItem};
use super::fault::Fault;
use super::records::{self, Extra};
use super::{Item, access, announce, heads, merge, read, sync, upload};
use crate::cbor::Cbor;
use crate::cid::{AccessId, Cid, HeadId, VersionId};
use crate::limits::BLOCK_BYTES_MAX;
use crate::map::{BatchEdit, Builder, EditStep, Salt, Value};
use crate::mimei::{
    Contents, FileName, Genesis, Kind, PIECE_BYTES, Piece, Proof, Reserved, Right, Rights, Signer, StateKey, Version,
    auto_name, pieces,
};
use crate::order;
use crate::peer::Shared;
use crate::seal::BlockToSeal;
use crate::sign::{Domain, Signed};
use crate::store::{Batch, StoreError};
use crate::wire::Records;

const _: () = assert!((PIECE_BYTES as usize) < BLOCK_BYTES_MAX);

pub(super) async fn create(shared: &Rc<Shared>, new: NewItem) -> Result<ItemOutcome, Fault> {
    let NewItem { app, kind, ext, name, is_public } = new;
    let name = match &name {
        ItemName::Given(name) => shared.vault.borrow().keyed_name(&app, name).map_err(Fault::argument)?,
        ItemName::Auto(seed) => auto_name(seed),
    };
    let author = shared.log.borrow().user();
    let genesis = Genesis { app, ext, kind, name, author };
    let item = shared.items.get_or_add(&genesis.id());
    {
        let _lock = item.for_change(shared).await?;
        records::found(shared, &item, genesis).await?;
        let is_new = item.state().access.is_empty() && item.state().heads.is_empty();
        if is_public && is_new {
            access::open_to_everyone(shared, &item).await?;
        }
    }
    sync::kick(shared, &item);
    read::view_outcome(shared, &item)
}

pub(super) async fn put_piece(shared: &Rc<Shared>, item: &Rc<Item>, bytes: Vec<u8>) -> Result<ItemOutcome, Fault> {
    if bytes.len() > PIECE_BYTES as usize {
        return Err(Fault::argument("a piece has at most 262,144 bytes"));
    }
    let stored = shared.vault.borrow().seal(&item.id, BlockToSeal { body: bytes, links: Vec::new() })?;
    let cid = stored.cid;
    let _arrival = Arrival::of_leaf(shared, item, cid).await;
    let mut keep = Keep::own(shared, item);
    keep.add(stored, &[]).await?;
    keep_own(shared, item, keep).await?;
    if !item.uploads.own.borrow().is_empty() {
        // It is on its way before the file is saved.
        upload::flow(shared, item);
    }
    Ok(ItemOutcome::Piece(cid))
}

/// Keeps blocks and notes that a relay is to have them.
async fn keep_own(shared: &Shared, item: &Item, keep: Keep<'_>) -> Result<(), Fault> {
    if keep.new.is_empty() {
        return Ok(());
    }
    let (batch, new, charge) = keep.finish(None).await?;
    let (batch, first) = outboxed(item, batch, &new);
    let applied = shared.effects.apply(batch).await;
    item.outbox.borrow_mut().answered(first, new.len(), applied.is_ok());
    if let Err(error) = applied {
        charge.take_back();
        return Err(error.into());
    }
    charge.stands();
    Ok(())
}

/// Adds blocks to the outbox, and says the number of the first. They are counted at once: one may be sent before
/// this change is answered.
fn outboxed(item: &Item, mut batch: Batch, new: &[Cid]) -> (Batch, u64) {
    let first = item.outbox.borrow_mut().add(new.len());
    let numbered = (first..).zip(new);
    batch.put.extend(numbered.map(|(number, cid)| (records::outbox_key(&item.id, number, cid), cid.to_cbor())));
    (batch, first)
}

pub(super) async fn save(
    shared: &Rc<Shared>,
    item: &Rc<Item>,
    edits: Vec<Edit>,
    memo: String,
) -> Result<ItemOutcome, Fault> {
    let saved = again_on_conflict(|| save_once(shared, item, edits.clone(), memo.clone())).await;
    sync::kick(shared, item);
    saved
}

/// Times that something is signed anew because another tab signed meanwhile.
const CONFLICTS_MAX: usize = 8;

/// Tries again, on what is there then, while another tab of this profile is faster.
pub(super) async fn again_on_conflict<T, F: Future<Output = Result<T, Fault>>>(
    mut sign: impl FnMut() -> F,
) -> Result<T, Fault> {
    for _ in 0..CONFLICTS_MAX {
        match sign().await {
            Err(Fault::Store(StoreError::Conflict)) => {}
            done => return done,
        }
    }
    Err(StoreError::Conflict.into())
}

pub(super) async fn save_once(
    shared: &Shared,
    item: &Item,
    edits: Vec<Edit>,
    memo: String,
) -> Result<ItemOutcome, Fault> {
    let (_lock, last) = item.to_sign(shared).await?;
    let by = signer(shared, item, Rights::of(&[Right::Save]))?;
    let mut joined = merge::base(shared, item).await?;
    let mut draft = Draft::new(shared, item)?;
    draft.fresh = core::mem::take(&mut joined.fresh);
    let mut changes = BTreeMap::new();
    for edit in edits {
        let key = state_key(item, edit.name)?;
        let value = match edit.file {
            Some(file) => Some(draft.file(file).await?),
            None => None,
        };
        changes.insert(key.to_bytes(), value);
    }
    let memo = if memo.is_empty() { None } else { Some(draft.memo(memo)?) };
    changes.insert(StateKey::Memo.to_bytes(), memo);
    let root = draft.edit(joined.root, changes).await?;
    if let [version] = joined.parents[..]
        && joined.root == Some(root)
    {
        // Also what is asked for a second time, because the answer was lost.
        let number = item.state().versions.get(&version).map_or(0, |version| version.body.number);
        return Ok(ItemOutcome::Saved { version, number, kept_twice: Vec::new() });
    }
    commit(shared, item, by, draft, root, joined, last).await
}

/// Joins the tips of a folder.
pub(super) async fn merge(shared: &Rc<Shared>, item: &Rc<Item>) -> Result<ItemOutcome, Fault> {
    if item.state().genesis.kind != Kind::Folder {
        return Err(Fault::argument("only folders are merged; choose one of the versions"));
    }
    if !item.state().tips_here(shared.effects.now()).is_unmerged() {
        return Err(Fault::argument("there is nothing to merge"));
    }
    save(shared, item, Vec::new(), String::new()).await
}

pub(super) fn state_key(item: &Item, name: Option<FileName>) -> Result<StateKey, Fault> {
    match (item.state().genesis.kind, name) {
        (Kind::File, None) => Ok(StateKey::Contents),
        (Kind::Folder, Some(name)) => Ok(StateKey::File(name)),
        (Kind::Folder, None) => Err(Fault::argument("a file in a folder needs a name")),
        (Kind::File, Some(_)) => Err(Fault::argument("this MiMei is one file and has no names; use a folder")),
        (Kind::Database, _) => Err(Fault::argument("a database holds keys, not files")),
    }
}

/// A version in the making.
pub(super) struct Draft<'a> {
    shared: &'a Shared,
    item: &'a Item,
    fresh: Vec<(crate::seal::StoredBlock, Vec<Cid>)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(shared: &'a Shared, item: &'a Item) -> Result<Self, Fault> {
        if !shared.vault.borrow().can_seal(&item.id) {
            return Err(Fault::denied("the key to write here is missing; ask for a link that may write"));
        }
        Ok(Self { shared, item, fresh: Vec::new() })
    }

    /// The contents of a file whose pieces are here.
    async fn file(&mut self, file: NewFile) -> Result<Value, Fault> {
        let NewFile { pieces: cids, length, media } = file;
        if pieces(length).count() != cids.len() {
            return Err(Fault::argument("the number of pieces does not fit the length of the file"));
        }
        let blob = match announce::blob_of(self.item, &cids) {
            Some(blob) => blob,
            None => {
                for cid in &cids {
                    if blocks::row(self.shared, &self.item.id, cid).await?.is_none() {
                        return Err(Fault::argument("a piece of the file was not put before"));
                    }
                }
                self.blob(None, &cids, length).await?
            }
        };
        let (bytes, links) = Contents { blob, length, media }.to_value();
        Ok(Value::Linked { bytes, links })
    }

    /// The blob of these pieces, or of as many more than one had before.
    pub(super) async fn blob(&mut self, before: Option<(Cid, usize)>, cids: &[Cid], length: u64) -> Result<Cid, Fault> {
        if let [piece] = cids {
            return Ok(*piece);
        }
        let value = |((offset, length), cid): ((u64, u32), &Cid)| {
            let (bytes, links) = Piece { offset, length, cid: *cid }.to_value();
            (Piece::key(offset).to_vec(), Value::Linked { bytes, links })
        };
        let entries = pieces(length).zip(cids).map(value);
        // A single piece is no map that could grow.
        let (root, known) =
            before.filter(|(_, known)| *known > 1).map_or((None, 0), |(root, known)| (Some(root), known));
        let changes = entries.skip(known).map(|(key, value)| (key, Some(value))).collect();
        let salt = self.shared.vault.borrow().blob_salt();
        self.edit_map(root, salt, changes).await
    }

    /// Keeps its blocks, so that a relay gets them.
    pub(super) async fn keep(self) -> Result<(), Fault> {
        let mut keep = Keep::own(self.shared, self.item);
        for (block, links) in self.fresh {
            keep.add(block, &links).await?;
        }
        keep_own(self.shared, self.item, keep).await
    }

    fn memo(&mut self, memo: String) -> Result<Value, Fault> {
        if memo.len() <= MEMO_INLINE_BYTES {
            return Ok(Value::Bytes(memo.into_bytes()));
        }
        let block = BlockToSeal { body: memo.into_bytes(), links: Vec::new() };
        let stored = self.shared.vault.borrow().seal(&self.item.id, block)?;
        let value = Value::Block(stored.cid);
        self.fresh.push((stored, Vec::new()));
        Ok(value)
    }

    /// The state's map with these changes.
    pub(super) async fn edit(
        &mut self,
        root: Option<Cid>,
        changes: BTreeMap<Vec<u8>, Option<Value>>,
    ) -> Result<Cid, Fault> {
        let salt = self.shared.vault.borrow().salt(&self.item.id)?;
        self.edit_map(root, salt, changes.into_iter().collect()).await
    }

    async fn edit_map(
        &mut self,
        root: Option<Cid>,
        salt: Salt,
        changes: Vec<(Vec<u8>, Option<Value>)>,
    ) -> Result<Cid, Fault> {
        let mut nodes = Nodes::new(self.shared, self.item, salt);
        nodes.know(core::mem::take(&mut self.fresh));
        let root = match root {
            Some(root) => {
                let mut edit = BatchEdit::new(root, salt, changes).map_err(Fault::argument)?;
                nodes
                    .run(|nodes| {
                        loop {
                            if let EditStep::Done(root) = edit.step(nodes)? {
                                return Ok(root);
                            }
                        }
                    })
                    .await?
            }
            None => {
                let mut builder = Builder::new(salt);
                for (key, value) in changes {
                    if let Some(value) = value {
                        builder.push(key, value, &mut nodes).map_err(Fault::argument)?;
                    }
                }
                let mut builder = Some(builder);
                nodes
                    .run(|nodes| Ok(builder.take().map(|builder| builder.finish(nodes))))
                    .await?
                    .ok_or_else(Fault::unknown)?
            }
        };
        self.fresh = nodes.fresh;
        Ok(root)
    }
}

/// Memos up to here stand in the map itself.
const MEMO_INLINE_BYTES: usize = 512;

/// Signs a version, and a head over all tips, and keeps them with their blocks in one change.
async fn commit(
    shared: &Shared,
    item: &Item,
    by: Signer,
    draft: Draft<'_>,
    root: Cid,
    joined: merge::Base,
    last: Option<Vec<u8>>,
) -> Result<ItemOutcome, Fault> {
    let merge::Base { parents, kept_twice, .. } = joined;
    let mut keep = Keep::own(shared, item);
    for (block, links) in draft.fresh {
        keep.add(block, &links).await?;
    }
    keep.name(&root).await?;
    let numbers: Vec<u64> =
        parents.iter().filter_map(|id| item.state().versions.get(id).map(|version| version.body.number)).collect();
    let number = Version::number_after(numbers);
    let time = shared.effects.now();
    let (refs, covers) = (None, Reserved);
    let version = Version { by: by.clone(), refs, root, time, mimei: item.id, covers, number, parents };
    let version = sign(shared, Domain::Version, version).await;
    let id = VersionId::of(&version.to_cbor());
    let release = item.state().tips_here(time).winner().and_then(|tip| tip.release);
    let (batch, new, charge) = keep.finish(None).await?;
    let (batch, first) = outboxed(item, batch, &new);
    let change = heads::Change { by, last: id, release, version: Some(version) };
    let kept = heads::keep(shared, item, change, batch, last).await;
    item.outbox.borrow_mut().answered(first, new.len(), kept.is_ok());
    if let Err(fault) = kept {
        charge.take_back();
        return Err(fault);
    }
    charge.stands();
    Ok(ItemOutcome::Saved { version: id, number, kept_twice })
}

pub(super) async fn release(shared: &Rc<Shared>, item: &Rc<Item>, version: VersionId) -> Result<ItemOutcome, Fault> {
    if !item.state().versions.contains_key(&version) {
        return Err(Fault::argument("there is no such version of this MiMei here"));
    }
    let last = item.state().tips_here(shared.effects.now()).winner().map(|tip| tip.last);
    let last = last.ok_or_else(read::empty)?;
    sign_head(shared, item, Rights::of(&[Right::Release]), last, Some(version)).await
}

pub(super) async fn choose(shared: &Rc<Shared>, item: &Rc<Item>, version: VersionId) -> Result<ItemOutcome, Fault> {
    let tips = item.state().tips_here(shared.effects.now());
    let tip = tips.all().iter().find(|tip| tip.last == version).copied();
    let tip = tip.ok_or_else(|| Fault::argument("that version is not one of those to choose from"))?;
    sign_head(shared, item, Rights::of(&[Right::Save]), tip.last, tip.release).await
}

async fn sign_head(
    shared: &Rc<Shared>,
    item: &Rc<Item>,
    right: Rights,
    last: VersionId,
    release: Option<VersionId>,
) -> Result<ItemOutcome, Fault> {
    again_on_conflict(|| async {
        let (_lock, signed_last) = item.to_sign(shared).await?;
        let by = signer(shared, item, right)?;
        let change = heads::Change { by, last, release, version: None };
        heads::keep(shared, item, change, Batch::default(), signed_last).await
    })
    .await?;
    sync::kick(shared, item);
    Ok(ItemOutcome::Done)
}

/// Keeps what this device signed, if what it signed `last` is still that.
pub(super) async fn own(
    shared: &Shared,
    item: &Item,
    records: Records,
    mut batch: Batch,
    last: Option<Vec<u8>>,
) -> Result<(), Fault> {
    let head = records.heads.last().map(|head| *HeadId::of(&head.to_cbor()).cid());
    let access = records.access.last().map(|record| *AccessId::of(&record.to_cbor()).cid());
    if let Some(id) = head.or(access) {
        batch.expect.push((records::own_key(&item.id), last));
        batch.put.push((records::own_key(&item.id), id.to_cbor()));
    }
    records::take_in(shared, item, records, Extra { batch, is_own: true, needs_blocks: false }).await
}

pub(super) async fn sign<T: Cbor>(shared: &Shared, domain: Domain, body: T) -> Signed<T> {
    Signed { sig: shared.effects.sign(domain, body.to_cbor()).await, body }
}

/// By whom a record of this device is, with the link's proof if the right comes from a link.
pub(super) fn signer(shared: &Shared, item: &Item, right: Rights) -> Result<Signer, Fault> {
    let (state, now) = (item.state(), shared.effects.now());
    let (user, device) = (shared.log.borrow().user(), shared.device);
    let mut log = shared.log.borrow().newest();
    order::sort(&mut log);
    let vault = shared.vault.borrow();
    let proof = if state.view.rights_of(&user, now).has_all(right) {
        None
    } else {
        let link = vault.link_key(&item.id).filter(|link| state.view.rights_of_link(link, now).has_all(right));
        let denied =
            || Fault::denied("you may look at this and not change it; ask its author for a link that may write");
        let access = link.and(state.view.newest_id()).ok_or_else(denied)?;
        Some(Proof::Link(vault.link_proof(&item.id, device, access).ok_or_else(denied)?))
    };
    Ok(Signer { log, user, proof, device })
}

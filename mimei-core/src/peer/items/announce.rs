//! Uploads of this device: told to relays while they are under way.
//!
//! Whoever uploads says from time to time which pieces follow. They become a
//! state of their own, whose blocks go the way of all blocks; when a relay has
//! these, it is told. So the newest state that was told is always there whole.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::commands::{ItemOutcome, UploadPart};
use super::fault::Fault;
use super::write::{self, Draft};
use super::{Item, blocks, upload};
use crate::cid::Cid;
use crate::limits::UPLOADS_MAX;
use crate::mimei::{Contents, PIECE_BYTES, Progress, Right, Rights, UploadId, pieces};
use crate::peer::connection::Connection;
use crate::peer::task::race;
use crate::peer::{ConnectionId, Shared, calls};
use crate::sign::Domain;
use crate::time::Millis;
use crate::wire::{Ask, ProgressAsk};

/// How often a relay is told the same again: three times in a lease.
const RENEW_MS: u64 = 20_000;
/// An upload of which nothing was heard for so long is given up: its page is gone.
const SILENT_MS_MAX: u64 = 300_000;

/// An upload of this device.
pub(super) struct Own {
    total: u64,
    pieces: Vec<Cid>,
    /// The blob of these pieces.
    blob: Option<Cid>,
    /// States that are on their way to a relay.
    drafts: VecDeque<State>,
    /// The newest that a relay has.
    reached: Option<State>,
    /// What each relay was told last, and when.
    told: BTreeMap<ConnectionId, (Stage, Millis)>,
    /// The time in what was signed last: it rises, however the clock goes.
    signed: Millis,
    stage: Stage,
    /// When the page was heard of last.
    touched: Millis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    root: Cid,
    done: u64,
    /// The number in the outbox behind its last block.
    end: u64,
}

/// How far an upload is, as others see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// So many bytes are there.
    Open(u64),
    /// All of it is saved, but not at a relay yet.
    Saved(u64),
    Over,
}

impl Own {
    fn new(total: u64) -> Self {
        Self {
            total,
            pieces: Vec::new(),
            blob: None,
            drafts: VecDeque::new(),
            reached: None,
            told: BTreeMap::new(),
            signed: Millis(0),
            stage: Stage::Open(0),
            touched: Millis(0),
        }
    }

    /// The blocks before that number have been sent.
    fn sent(&mut self, before: u64) -> bool {
        let mut is_new = false;
        while self.drafts.front().is_some_and(|state| state.end <= before) {
            self.reached = self.drafts.pop_front();
            is_new = true;
        }
        let done = self.reached.map_or(0, |state| state.done);
        match &mut self.stage {
            Stage::Open(known) | Stage::Saved(known) => *known = done,
            Stage::Over => {}
        }
        is_new
    }

    fn is_silent(&self, now: Millis) -> bool {
        matches!(self.stage, Stage::Open(_)) && now >= self.touched + SILENT_MS_MAX
    }

    /// What a relay is to be told now, if anything.
    fn news_for(&self, relay: ConnectionId, now: Millis) -> Option<Stage> {
        let told = self.told.get(&relay);
        let is_due = |(stage, at): &(Stage, Millis)| *stage != self.stage || now >= *at + RENEW_MS;
        match self.stage {
            Stage::Over => told.map(|_| Stage::Over),
            _ if self.reached.is_none() => None,
            stage => told.is_none_or(is_due).then_some(stage),
        }
    }
}

/// Takes the next pieces of an upload.
pub(super) async fn take(shared: &Rc<Shared>, item: &Rc<Item>, part: UploadPart) -> Result<ItemOutcome, Fault> {
    let lock = item.for_change(shared).await?;
    write::signer(shared, item, Rights::of(&[Right::Save]))?;
    let Begun { mut pieces, blob } = begun(item, &part)?;
    for cid in &part.pieces {
        if blocks::row(shared, &item.id, cid).await?.is_none() {
            return Err(Fault::argument("a piece of the file was not put before"));
        }
    }
    if !part.pieces.is_empty() {
        let before = pieces.len();
        pieces.extend(part.pieces);
        let done = (pieces.len() as u64 * u64::from(PIECE_BYTES)).min(part.total);
        let mut draft = Draft::new(shared, item)?;
        let blob = draft.blob(blob.map(|blob| (blob, before)), &pieces, done).await?;
        let key = write::state_key(item, part.name)?;
        let (bytes, links) = Contents { blob, length: done, media: part.media }.to_value();
        let value = crate::map::Value::Linked { bytes, links };
        let root = draft.edit(None, [(key.to_bytes(), Some(value))].into()).await?;
        draft.keep().await?;
        // Meanwhile it may have been told of, or ended.
        let mut uploads = item.uploads.own.borrow_mut();
        let own = if before == 0 {
            Some(uploads.entry(part.upload).or_insert_with(|| Own::new(part.total)))
        } else {
            uploads.get_mut(&part.upload)
        };
        if let Some(own) = own {
            own.pieces = pieces;
            own.blob = Some(blob);
            own.drafts.push_back(State { root, done, end: item.outbox.borrow().next });
            own.touched = shared.effects.now();
        }
    }
    drop(lock);
    upload::flow(shared, item);
    Ok(ItemOutcome::Done)
}

/// What is known of an upload.
#[derive(Default)]
struct Begun {
    pieces: Vec<Cid>,
    blob: Option<Cid>,
}

/// The upload as it is so far, if the pieces follow what is known of it.
fn begun(item: &Item, part: &UploadPart) -> Result<Begun, Fault> {
    let uploads = item.uploads.own.borrow();
    let begun = match uploads.get(&part.upload) {
        Some(own) if own.total == part.total => Begun { pieces: own.pieces.clone(), blob: own.blob },
        Some(_) => return Err(Fault::argument("the length of a file does not change while it is uploaded")),
        None if uploads.len() >= UPLOADS_MAX => {
            return Err(Fault::rule("upload.many", "too many uploads into this are under way; wait for one of them"));
        }
        None => Begun::default(),
    };
    if part.at != begun.pieces.len() {
        // Another tab did the work before, and took what it knew with it.
        return Err(Fault::rule("upload.gap", "tell of this upload from its first piece"));
    }
    if begun.pieces.len() + part.pieces.len() > pieces(part.total).count() {
        return Err(Fault::argument("an upload has more pieces than its length allows"));
    }
    Ok(begun)
}

/// The upload is over. One that is saved is told of until a relay has the version.
pub(super) fn end(shared: &Shared, item: &Item, upload: UploadId, is_saved: bool) -> ItemOutcome {
    let is_waiting = item.is_waiting();
    change(shared, item, |id, own| {
        if *id == upload {
            own.stage = match own.stage {
                Stage::Open(done) if is_saved && is_waiting => Stage::Saved(done),
                _ => Stage::Over,
            };
        }
    });
    ItemOutcome::Done
}

/// A relay has all versions.
pub(super) fn published(shared: &Shared, item: &Item) {
    change(shared, item, |_, own| {
        if matches!(own.stage, Stage::Saved(_)) {
            own.stage = Stage::Over;
        }
    });
}

/// All blocks before that number have been sent.
pub(super) fn sent(shared: &Shared, item: &Item, before: u64) {
    let mut is_new = false;
    for own in item.uploads.own.borrow_mut().values_mut() {
        is_new |= own.sent(before);
    }
    if is_new {
        change(shared, item, |_, _| {});
    }
}

fn change(shared: &Shared, item: &Item, mut with: impl FnMut(&UploadId, &mut Own)) {
    let uploads = &item.uploads;
    let mut own = uploads.own.borrow_mut();
    own.iter_mut().for_each(|(id, own)| with(id, own));
    own.retain(|_, own| own.stage != Stage::Over || !own.told.is_empty());
    uploads.change.set(uploads.change.get() + 1);
    uploads.changed.notify(&shared.effects.schedule);
}

/// The blob, if these are all pieces of an upload.
pub(super) fn blob_of(item: &Item, cids: &[Cid]) -> Option<Cid> {
    let own = item.uploads.own.borrow();
    own.values().find(|own| own.pieces == cids).and_then(|own| own.blob)
}

/// Tells a relay of uploads for as long as there are any.
pub(super) fn start(shared: &Shared, item: &Rc<Item>, connection: &Connection) {
    if item.uploads.own.borrow().is_empty() || !item.announcing.borrow_mut().insert(connection.id()) {
        return;
    }
    let Some((shared, connection)) = shared.for_task(connection) else { return };
    let (item, schedule) = (item.clone(), shared.clone());
    schedule.effects.schedule.spawn(async move {
        race(tell_all(&shared, &item, &connection), connection.until_closed(&shared.effects)).await;
        item.announcing.borrow_mut().remove(&connection.id());
        // A relay that is gone is told nothing more; its lease ends by itself.
        change(&shared, &item, |_, own| {
            own.told.remove(&connection.id());
        });
    });
}

async fn tell_all(shared: &Shared, item: &Item, connection: &Connection) {
    while !item.uploads.own.borrow().is_empty() {
        let change_before = item.uploads.change.get();
        let ids: Vec<UploadId> = item.uploads.own.borrow().keys().copied().collect();
        for id in ids {
            tell(shared, item, connection, id).await;
        }
        let now = shared.effects.now();
        item.uploads.own.borrow_mut().retain(|_, own| !own.is_silent(now));
        let changed = || (item.uploads.change.get() != change_before).then_some(());
        shared.effects.before(now + RENEW_MS, shared.effects.wait(&item.uploads.changed, changed)).await;
    }
}

/// Tells a relay what is new of one upload. What is refused is tried again when there is more to tell.
async fn tell(shared: &Shared, item: &Item, connection: &Connection, id: UploadId) {
    let now = shared.effects.now();
    let has_news = |own: &Own| own.news_for(connection.id(), now).is_some();
    if !item.uploads.own.borrow().get(&id).is_some_and(has_news) {
        return;
    }
    let Ok(by) = write::signer(shared, item, Rights::of(&[Right::Save])) else { return };
    let (progress, stage) = {
        let mut uploads = item.uploads.own.borrow_mut();
        let Some(own) = uploads.get_mut(&id) else { return };
        let Some(stage) = own.news_for(connection.id(), now) else { return };
        let state = own.reached.filter(|_| stage != Stage::Over);
        let (root, done) = (state.map(|state| state.root), state.map_or(0, |state| state.done));
        let time = now.max(own.signed + 1);
        own.told.insert(connection.id(), (stage, now));
        own.signed = time;
        (Progress { by, done, root, time, mimei: item.id, total: own.total, upload: id }, stage)
    };
    let progress = write::sign(shared, Domain::Progress, progress).await;
    let _ = calls::ask(shared, connection, Ask::Progress(alloc::boxed::Box::new(ProgressAsk { progress }))).await;
    if stage == Stage::Over {
        let mut uploads = item.uploads.own.borrow_mut();
        if let Some(own) = uploads.get_mut(&id) {
            own.told.remove(&connection.id());
        }
        uploads.retain(|_, own| own.stage != Stage::Over || !own.told.is_empty());
    }
}

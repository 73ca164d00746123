//! The MiMeis that a peer has to do with: as their maker, as a reader, as their relay.
//!
//! An [`Item`] is what is known of one MiMei. Its records are a union: whatever
//! verifies is taken in, from this device's own commands and from others alike
//! ([`records`]). What it lacks is asked for, what others lack is sent
//! ([`sync`]). Blocks are looked up by [`blocks`].

mod access;
mod announce;
mod blocks;
mod commands;
mod fault;
mod fetching;
mod heads;
mod merge;
mod progress;
mod read;
mod recent;
mod records;
mod state;
mod sync;
mod upload;
mod write;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, Ref, RefCell};

pub(super) use blocks::{has_block, receive, serve, usage_of};
pub use commands::{
    Edit, FileEntry, ForkView, ItemCommand, ItemName, ItemOutcome, ItemView, NewFile, NewItem, ShareTo, ShareView,
    SharedWith, TipView, UploadPart, UploadView, VersionView,
};
pub(super) use fault::Fault;
pub(super) use fetching::Fetching;
pub(super) use progress::{hear, told as uploads_told};
pub(crate) use recent::Recent;
pub(super) use state::State;
pub(super) use sync::{met, told};

use super::connection::Connection;
use super::task::{Lock, LockGuard};
use super::{Blocked, ConnectionId, Event, Shared, credit};
use crate::cbor::Cbor;
use crate::cid::{Cid, MimeiId, UserId};
use crate::identity::IdentityLog;
use crate::limits::ITEMS_MAX;
use crate::mimei::Genesis;
use crate::store::StoreError;
use crate::time::Millis;
use crate::wire::{Message, Records, Tell};

/// All MiMeis in memory.
#[derive(Default)]
pub(crate) struct Items {
    open: RefCell<BTreeMap<MimeiId, Rc<Item>>>,
    /// Bytes of blocks by author, as soon as they were asked for once.
    pub(super) usage: RefCell<BTreeMap<UserId, u64>>,
}

/// What is known of one MiMei, and what is being done with it.
pub(super) struct Item {
    pub(super) id: MimeiId,
    state: RefCell<Option<State>>,
    /// Whether a change was refused by the store, so that memory is ahead of it.
    is_stale: Cell<bool>,
    /// Held while records are taken in, and while blocks are counted; shared by blocks that name no others.
    pub(super) lock: Lock,
    /// Blocks that share it.
    arriving: RefCell<BTreeSet<Cid>>,
    /// Held while one relay is talked to.
    syncing: Lock,
    /// Relays for which somebody waits for that lock and will see all that is new now.
    sync_waits: RefCell<BTreeSet<ConnectionId>>,
    /// Relays with which it went wrong and is tried again.
    retrying: RefCell<BTreeSet<ConnectionId>>,
    /// Held while a page of the outbox is sent.
    sending: Lock,
    /// Whether sending failed, so that it is for whoever tries again to begin.
    is_stalled: Cell<bool>,
    /// Relays to which the outbox is being sent beside everything else.
    flowing: RefCell<BTreeSet<ConnectionId>>,
    /// Relays that are being told of uploads.
    announcing: RefCell<BTreeSet<ConnectionId>>,
    uploads: progress::Uploads,
    /// Relays that have it.
    sources: RefCell<Vec<ConnectionId>>,
    outbox: RefCell<Outbox>,
    /// When a relay last said what it has; none since this program began.
    seen: Cell<Option<Millis>>,
    /// The same as the store has it, which may be of an earlier run.
    seen_before: Cell<Option<Millis>>,
    /// Whether a relay has ever had a head of this device.
    was_sent: Cell<bool>,
}

/// What no relay has yet.
#[derive(Default)]
struct Outbox {
    next: u64,
    blocks: u64,
    /// The first numbers of changes that the store has not answered yet.
    unanswered: Vec<u64>,
    /// Which change of the records was the last; none if a relay has them all.
    records: Option<u64>,
}

impl Outbox {
    /// Counts blocks that are about to be kept, and says the number of the first.
    fn add(&mut self, blocks: usize) -> u64 {
        let first = self.next;
        self.next += blocks as u64;
        self.blocks += blocks as u64;
        self.unanswered.push(first);
        first
    }

    /// The store has answered about the blocks from that number on.
    fn answered(&mut self, first: u64, blocks: usize, kept: bool) {
        self.unanswered.retain(|unanswered| *unanswered != first);
        if !kept {
            self.gone(blocks);
        }
    }

    /// Before this number all blocks are in the store, or sent.
    fn complete(&self) -> u64 {
        self.unanswered.iter().copied().min().unwrap_or(self.next)
    }

    /// So many blocks were sent, or never came in.
    fn gone(&mut self, blocks: usize) {
        self.blocks = self.blocks.saturating_sub(blocks as u64);
    }
}

impl Items {
    /// Tells all MiMeis of a log that has grown.
    pub(super) fn learn(&self, log: &IdentityLog) {
        for item in self.open.borrow().values() {
            if let Some(state) = item.state.borrow_mut().as_mut() {
                state.learn_log(log);
            }
        }
    }

    fn get_or_add(&self, id: &MimeiId) -> Rc<Item> {
        let mut open = self.open.borrow_mut();
        if open.len() >= ITEMS_MAX && !open.contains_key(id) {
            let idle = open.iter().find(|(_, item)| Rc::strong_count(item) == 1).map(|(id, _)| *id);
            idle.map(|idle| open.remove(&idle));
        }
        open.entry(*id).or_insert_with(|| Item::new(*id)).clone()
    }

    /// Nobody but the caller has it: there must never be two of one MiMei.
    fn forget_if_empty(&self, item: &Rc<Item>) {
        if item.state.borrow().is_none() && Rc::strong_count(item) <= 2 {
            self.open.borrow_mut().remove(&item.id);
        }
    }
}

impl Item {
    fn new(id: MimeiId) -> Rc<Self> {
        Rc::new(Self {
            id,
            state: RefCell::default(),
            is_stale: Cell::new(false),
            lock: Lock::default(),
            arriving: RefCell::default(),
            syncing: Lock::default(),
            sync_waits: RefCell::default(),
            retrying: RefCell::default(),
            sending: Lock::default(),
            is_stalled: Cell::new(false),
            flowing: RefCell::default(),
            announcing: RefCell::default(),
            uploads: progress::Uploads::default(),
            sources: RefCell::default(),
            outbox: RefCell::default(),
            seen: Cell::new(None),
            seen_before: Cell::new(None),
            was_sent: Cell::new(false),
        })
    }

    /// What is known. An item is handed out only when something is.
    pub(super) fn state(&self) -> Ref<'_, State> {
        Ref::map(self.state.borrow(), |state| state.as_ref().expect("only items with a genesis are handed out"))
    }

    /// Waits until nobody else changes it, and makes sure that memory is what the store has.
    pub(super) async fn for_change<'a>(&'a self, shared: &'a Shared) -> Result<LockGuard<'a>, Fault> {
        let guard = self.lock.hold(&shared.effects.schedule).await;
        if self.is_stale.get() {
            records::load(shared, self).await?;
            self.is_stale.set(false);
        }
        Ok(guard)
    }

    /// As [`for_change`](Self::for_change), for what this device signs next. Says what it signed last: in two
    /// tabs of one profile the other may have signed since, and what does not follow that would be a fork.
    pub(super) async fn to_sign<'a>(&'a self, shared: &'a Shared) -> Result<(LockGuard<'a>, Option<Vec<u8>>), Fault> {
        let guard = self.for_change(shared).await?;
        let last = shared.effects.row(records::own_key(&self.id)).await?;
        let id = last.as_ref().and_then(|last| Cid::from_cbor(last).ok());
        if id.is_some_and(|id| !self.state().has_record(&id)) {
            records::load(shared, self).await?;
        }
        Ok((guard, last))
    }

    /// Whether this device knows what it signed last. Its data may be an older copy: what was signed on that alone
    /// could be a second history beside the one that a relay has.
    fn may_sign_heads(&self) -> bool {
        self.seen.get().is_some() || !self.was_sent.get()
    }

    fn is_waiting(&self) -> bool {
        let outbox = self.outbox.borrow();
        outbox.blocks > 0 || outbox.records.is_some()
    }

    fn has_source(&self, id: ConnectionId) {
        let mut sources = self.sources.borrow_mut();
        if !sources.contains(&id) {
            sources.push(id);
        }
    }
}

/// The MiMei of that id, if it is known here.
pub(super) async fn open(shared: &Shared, id: &MimeiId) -> Result<Option<Rc<Item>>, StoreError> {
    let item = shared.items.get_or_add(id);
    if item.state.borrow().is_some() && !item.is_stale.get() {
        return Ok(Some(item));
    }
    let _lock = item.lock.hold(&shared.effects.schedule).await;
    if item.state.borrow().is_some() && !item.is_stale.get() {
        return Ok(Some(item.clone()));
    }
    let loaded = records::load(shared, &item).await;
    if loaded == Ok(true) {
        item.is_stale.set(false);
        return Ok(Some(item.clone()));
    }
    shared.items.forget_if_empty(&item);
    loaded.map(|_| None)
}

/// Makes the MiMei of a genesis that somebody brought.
pub(super) async fn found(shared: &Shared, id: &MimeiId, genesis: Genesis) -> Result<(), Fault> {
    let item = shared.items.get_or_add(id);
    let _lock = item.lock.hold(&shared.effects.schedule).await;
    records::found(shared, &item, genesis).await
}

/// Takes in records that somebody brought. The caller holds the item's lock.
pub(super) async fn take_in(shared: &Shared, item: &Item, records: Records) -> Result<(), Fault> {
    records::take_in(shared, item, records, records::Extra { needs_blocks: true, ..Default::default() }).await
}

/// Says that there is something new.
fn changed(shared: &Shared, item: &Item) {
    shared.effects.event(Event::ItemChanged { mimei: item.id });
}

/// Says that there are new records, to those who watch too.
fn has_news(shared: &Shared, item: &Item) {
    changed(shared, item);
    for connection in shared.connections.borrow().values() {
        if !rights_of(shared, connection, item).is_empty() && connection.take_watch(&item.id) {
            connection.send_message(&shared.effects, Message::Tell(Tell { mimei: item.id }));
        }
    }
}

/// What the other side of a connection may do with a MiMei.
pub(super) fn rights_of(shared: &Shared, connection: &Connection, item: &Item) -> crate::mimei::Rights {
    let Some(remote) = connection.remote() else { return crate::mimei::Rights::NONE };
    let (state, now) = (item.state(), shared.effects.now());
    let entered = connection.entered.borrow();
    let links = entered.iter().filter(|(mimei, _)| *mimei == item.id);
    links.fold(state.view.rights_of(&remote.user, now), |rights, (_, link)| {
        rights.and(state.view.rights_of_link(link, now))
    })
}

/// Carries out a command.
pub(super) async fn run(shared: &Rc<Shared>, command: ItemCommand) -> Result<ItemOutcome, Fault> {
    match command {
        ItemCommand::Create(new) => write::create(shared, new).await,
        ItemCommand::Open { link, relay } => sync::open_link(shared, link, relay).await,
        ItemCommand::View(mimei) => read::view_outcome(shared, &known(shared, &mimei).await?),
        ItemCommand::Known => read::known(shared).await,
        ItemCommand::PutPiece { mimei, bytes } => write::put_piece(shared, &known(shared, &mimei).await?, bytes).await,
        ItemCommand::TellUpload { mimei, part } => announce::take(shared, &known(shared, &mimei).await?, part).await,
        ItemCommand::EndUpload { mimei, upload, is_saved } => {
            Ok(announce::end(shared, &*known(shared, &mimei).await?, upload, is_saved))
        }
        ItemCommand::ListUpload { mimei, upload } => {
            read::list_upload(shared, &*known(shared, &mimei).await?, upload).await
        }
        ItemCommand::Save { mimei, edits, memo } => {
            write::save(shared, &known(shared, &mimei).await?, edits, memo).await
        }
        ItemCommand::List { mimei, version } => read::list(shared, &*known(shared, &mimei).await?, version).await,
        ItemCommand::Read { mimei, contents, offset } => {
            read::piece(shared, &*known(shared, &mimei).await?, contents, offset).await
        }
        ItemCommand::Share { mimei, to, rights, until, seed } => {
            access::share(shared, &known(shared, &mimei).await?, to, access::Grant { rights, until }, seed).await
        }
        ItemCommand::Unshare { mimei, with, seed } => {
            access::unshare(shared, &known(shared, &mimei).await?, with, seed).await
        }
        ItemCommand::Release { mimei, version } => write::release(shared, &known(shared, &mimei).await?, version).await,
        ItemCommand::Choose { mimei, version } => write::choose(shared, &known(shared, &mimei).await?, version).await,
        ItemCommand::Merge { mimei } => write::merge(shared, &known(shared, &mimei).await?).await,
        ItemCommand::Resolve { mimei, at } => read::resolve(shared, &*known(shared, &mimei).await?, at),
        ItemCommand::Settle { mimei } => sync::settle(shared, &known(shared, &mimei).await?).await,
    }
}

async fn known(shared: &Shared, mimei: &MimeiId) -> Result<Rc<Item>, Fault> {
    credit::load_blocked(shared).await?;
    let item = open(shared, mimei).await?.ok_or_else(Fault::unknown)?;
    let author = item.state().genesis.author;
    if credit::is_blocked(shared, Blocked::Mimei(*mimei)) || credit::is_blocked(shared, Blocked::User(author)) {
        return Err(Fault::rule("access.blocked", "the owner of this machine does not want this served"));
    }
    Ok(item)
}

/// The dialled connections that are open: this peer's relays.
pub(super) fn relays(shared: &Shared) -> Vec<Rc<Connection>> {
    let connections = shared.connections.borrow();
    connections
        .values()
        .filter(|connection| connection.is_dialled() && connection.remote().is_some())
        .cloned()
        .collect()
}

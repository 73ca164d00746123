//! Blocks of a MiMei: found wherever they are, verified, kept, counted.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::fault::Fault;
use super::{Item, sync};
use crate::cbor::Cbor;
use crate::cid::{Cid, MimeiId, UserId};
use crate::limits::BLOCKS_IN_FLIGHT_MAX;
use crate::map::{MapError, Node, NodeSink, NodeSource, OpenBlock, Salt};
use crate::mimei::Right;
use crate::peer::connection::{Connection, Reply};
use crate::peer::credit::{self, Spend};
use crate::peer::task::LockGuard;
use crate::peer::{CommandError, Shared, calls};
use crate::record::record;
use crate::seal::{Block, BlockToSeal, StoredBlock};
use crate::store::{Batch, RowKey, StoreError, Table};
use crate::vault::VaultError;
use crate::wire::{Ask, GetAsk, Payer};

record! {
    /// What is kept of a block that belongs to a MiMei.
    pub struct BlockRow {
        /// Its length as it is stored.
        "bytes" => bytes: u64,
        /// How many blocks and versions name it: it goes with the last of them.
        "parents" => parents: u64,
    }
}

/// Where it is noted that a block belongs to a MiMei.
pub(super) fn row_key(mimei: &MimeiId, cid: &Cid) -> RowKey {
    RowKey::new(Table::Row, [&mimei.cid().hash()[..], &cid.to_bytes()].concat())
}

fn usage_key(author: &UserId) -> RowKey {
    RowKey::new(Table::Usage, author.cid().hash())
}

pub(super) async fn row(shared: &Shared, mimei: &MimeiId, cid: &Cid) -> Result<Option<BlockRow>, StoreError> {
    if let Some(row) = shared.recent.row(mimei, cid) {
        return Ok(Some(row));
    }
    let row = shared.effects.row(row_key(mimei, cid)).await?;
    let read = |row: Vec<u8>| BlockRow::from_cbor(&row);
    row.map(read).transpose().map_err(|_| StoreError::Failed("a damaged row of a block".into()))
}

/// Blocks to be kept in one change, those that others name first.
pub(super) struct Keep<'a> {
    shared: &'a Shared,
    item: &'a Item,
    rows: BTreeMap<Cid, BlockRow>,
    is_own: bool,
    batch: Batch,
    /// In order.
    pub(super) new: Vec<Cid>,
    bytes: u64,
}

impl<'a> Keep<'a> {
    /// Blocks that somebody else brings: all that they name must be here.
    fn foreign(shared: &'a Shared, item: &'a Item) -> Self {
        let (rows, batch, new) = Default::default();
        Self { shared, item, rows, is_own: false, batch, new, bytes: 0 }
    }

    /// Blocks that this device makes: what they name may be at a relay alone.
    pub(super) fn own(shared: &'a Shared, item: &'a Item) -> Self {
        Self { is_own: true, ..Self::foreign(shared, item) }
    }

    async fn find(&mut self, cid: &Cid) -> Result<Option<BlockRow>, StoreError> {
        match self.rows.get(cid) {
            Some(row) => Ok(Some(row.clone())),
            None => row(self.shared, &self.item.id, cid).await,
        }
    }

    /// Adds a block unless it is there; all that it names must be.
    pub(super) async fn add(&mut self, block: StoredBlock, links: &[Cid]) -> Result<(), Fault> {
        if self.find(&block.cid).await?.is_some() {
            return Ok(());
        }
        for link in links {
            self.name(link).await?;
        }
        let bytes = block.bytes.len() as u64;
        self.bytes += bytes;
        self.rows.insert(block.cid, BlockRow { bytes, parents: 0 });
        self.new.push(block.cid);
        self.batch.put_blocks.push((block.cid, block.bytes));
        Ok(())
    }

    /// Counts one more that names a block.
    pub(super) async fn name(&mut self, cid: &Cid) -> Result<(), Fault> {
        match self.find(cid).await? {
            Some(BlockRow { bytes, parents }) => {
                self.rows.insert(*cid, BlockRow { bytes, parents: parents + 1 });
                Ok(())
            }
            None if self.is_own => Ok(()),
            None => Err(Fault::Missing("a block that another names must be sent first".into())),
        }
    }

    /// The change, with what it adds to its author's usage, which is counted from now on.
    pub(super) async fn finish(self, author_bytes_max: Option<u64>) -> Result<(Batch, Vec<Cid>, Charge<'a>), Fault> {
        // What this device makes is soon needed again; others bring each block once.
        let recent = self.is_own.then(|| Made {
            item: self.item,
            rows: self.rows.clone(),
            blocks: self.batch.put_blocks.clone(),
        });
        let author = self.item.state().genesis.author;
        let usage = usage_of(self.shared, &author).await? + self.bytes;
        if author_bytes_max.is_some_and(|max| usage > max) {
            let why = "the relay keeps no more for the author of this MiMei; ask its owner for more room";
            return Err(Fault::rule("storage.full", why));
        }
        self.shared.items.usage.borrow_mut().insert(author, usage);
        let mut batch = self.batch;
        batch.put.extend(self.rows.iter().map(|(cid, row)| (row_key(&self.item.id, cid), row.to_cbor())));
        batch.put.push((usage_key(&author), usage.to_cbor()));
        Ok((batch, self.new, Charge { shared: self.shared, author, bytes: self.bytes, made: recent }))
    }
}

/// Bytes that were charged for a change that may yet fail.
pub(super) struct Charge<'a> {
    shared: &'a Shared,
    author: UserId,
    bytes: u64,
    made: Option<Made<'a>>,
}

/// What this device made.
struct Made<'a> {
    item: &'a Item,
    rows: BTreeMap<Cid, BlockRow>,
    blocks: Vec<(Cid, Vec<u8>)>,
}

impl Charge<'_> {
    /// The change is kept.
    pub(super) fn stands(self) {
        let Some(Made { item, rows, blocks }) = self.made else { return };
        for (cid, row) in rows {
            self.shared.recent.keep_row(&item.id, &cid, row);
        }
        for (cid, bytes) in blocks {
            self.shared.recent.keep_block(cid, bytes);
        }
    }

    /// The change failed.
    pub(super) fn take_back(self) {
        if let Some(usage) = self.shared.items.usage.borrow_mut().get_mut(&self.author) {
            *usage = usage.saturating_sub(self.bytes);
        }
    }
}

pub(in crate::peer) async fn usage_of(shared: &Shared, author: &UserId) -> Result<u64, StoreError> {
    if let Some(usage) = shared.items.usage.borrow().get(author) {
        return Ok(*usage);
    }
    let stored = shared.effects.row(usage_key(author)).await?;
    let stored = stored.and_then(|row| u64::from_cbor(&row).ok()).unwrap_or(0);
    // Somebody else may have asked meanwhile, and charged.
    Ok(*shared.items.usage.borrow_mut().entry(*author).or_insert(stored))
}

/// The right to keep a block. Blocks that name no others do not wait for each other, so that the store commits many
/// at once; what names some waits until these are kept.
pub(super) struct Arrival<'a> {
    item: &'a Item,
    leaf: Option<Cid>,
    _lock: LockGuard<'a>,
}

impl<'a> Arrival<'a> {
    /// For a block that names no others.
    pub(super) async fn of_leaf(shared: &'a Shared, item: &'a Item, cid: Cid) -> Self {
        let lock = item.lock.share(&shared.effects.schedule).await;
        if item.arriving.borrow_mut().insert(cid) {
            return Self { item, leaf: Some(cid), _lock: lock };
        }
        // It is just being kept, and counted, for somebody else.
        drop(lock);
        Self::alone(shared, item).await
    }

    /// For any block.
    pub(super) async fn alone(shared: &'a Shared, item: &'a Item) -> Self {
        Self { item, leaf: None, _lock: item.lock.hold(&shared.effects.schedule).await }
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if let Some(cid) = &self.leaf {
            self.item.arriving.borrow_mut().remove(cid);
        }
    }
}

/// Takes a block that the other side of a connection brought.
pub(in crate::peer) async fn receive(
    shared: &Shared,
    item: &Item,
    cid: Cid,
    bytes: Vec<u8>,
    author_bytes_max: u64,
) -> Result<(), Fault> {
    let links = Block::verify(&cid, &bytes).map_err(Fault::verify)?.links().to_vec();
    let _arrival = match links[..] {
        [] => Arrival::of_leaf(shared, item, cid).await,
        _ => Arrival::alone(shared, item).await,
    };
    let mut keep = Keep::foreign(shared, item);
    keep.add(StoredBlock { cid, bytes }, &links).await?;
    if keep.new.is_empty() {
        return Ok(());
    }
    let (mut batch, _, charge) = keep.finish(Some(author_bytes_max)).await?;
    batch.strict = true;
    shared.effects.apply(batch).await.map_err(|error| {
        charge.take_back();
        error.into()
    })
}

/// Whether a block belongs to a MiMei here.
pub(in crate::peer) async fn has_block(shared: &Shared, item: &Item, cid: &Cid) -> Result<bool, StoreError> {
    Ok(row(shared, &item.id, cid).await?.is_some())
}

/// A block that belongs to a MiMei, if it is here.
pub(in crate::peer) async fn serve(shared: &Shared, item: &Item, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
    match row(shared, &item.id, cid).await? {
        Some(_) => shared.effects.block(*cid).await,
        None => Ok(None),
    }
}

/// Opens blocks, each from here or from a relay; those that came from a relay are kept for next time.
pub(super) async fn fetch(shared: &Shared, item: &Item, cids: &[Cid]) -> Result<Vec<(Cid, OpenBlock)>, Fault> {
    let mut found = Vec::new();
    let mut asked = VecDeque::new();
    let mut remote = None;
    for cid in cids {
        if let Some(bytes) = block(shared, cid).await? {
            found.push((*cid, shared.vault.borrow().open(&item.id, cid, &bytes)?));
            continue;
        }
        let connection = match &remote {
            Some(connection) => connection,
            None => remote.insert(source(shared, item).await?),
        };
        if asked.len() >= BLOCKS_IN_FLIGHT_MAX
            && let Some(wanted) = asked.pop_front()
        {
            found.push(arrived(shared, item, connection, wanted).await?);
        }
        asked.push_back(want(shared, item, connection, *cid).await?);
    }
    if let Some(connection) = &remote {
        for wanted in asked {
            found.push(arrived(shared, item, connection, wanted).await?);
        }
    }
    Ok(found)
}

/// A block, if it is on this device.
pub(super) async fn block(shared: &Shared, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
    match shared.recent.block(cid) {
        Some(bytes) => Ok(Some(bytes)),
        None => shared.effects.block(*cid).await,
    }
}

/// Opens a block that is not here, over the connection to a relay.
pub(super) async fn ask(shared: &Shared, item: &Item, connection: &Connection, cid: Cid) -> Result<OpenBlock, Fault> {
    let wanted = want(shared, item, connection, cid).await?;
    arrived(shared, item, connection, wanted).await.map(|(_, block)| block)
}

/// A block that was asked for.
struct Wanted {
    cid: Cid,
    payer: Payer,
    spend: Spend,
    call: calls::Call,
}

async fn want(shared: &Shared, item: &Item, connection: &Connection, cid: Cid) -> Result<Wanted, Fault> {
    let payer = credit::payer(shared, connection, item, Right::Read);
    let spend = credit::cover(shared, connection, payer).await?;
    let call = calls::begin(shared, connection, Ask::Get(GetAsk { cid, mimei: item.id, payer }))?;
    Ok(Wanted { cid, payer, spend, call })
}

async fn arrived(
    shared: &Shared,
    item: &Item,
    connection: &Connection,
    mut wanted: Wanted,
) -> Result<(Cid, OpenBlock), Fault> {
    loop {
        let Wanted { cid, payer, spend, call } = wanted;
        let bytes = match call.reply(shared, connection).await {
            Ok(Reply::Block(bytes)) => bytes,
            Ok(_) => return Err(CommandError::WrongAnswer.into()),
            Err(CommandError::Refused(refusal)) => {
                drop(spend);
                credit::refused(shared, connection, item, payer, refusal).await?;
                wanted = want(shared, item, connection, cid).await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        spend.done(shared, bytes.len() as u64);
        let opened = shared.vault.borrow().open(&item.id, &cid, &bytes)?;
        cache(shared, cid, bytes).await;
        return Ok((cid, opened));
    }
}

/// Keeps what a relay gave. Reading goes on meanwhile, and without it.
pub(super) async fn cache(shared: &Shared, cid: Cid, bytes: Vec<u8>) {
    shared.recent.keep_block(cid, bytes.clone());
    let batch = Batch { put_blocks: [(cid, bytes)].into(), ..Batch::default() };
    if !shared.recent.begin_unawaited() {
        let _ = shared.effects.apply(batch).await;
        return;
    }
    let task_shared = shared.to_rc();
    shared.effects.schedule.spawn(async move {
        let _ = task_shared.effects.apply(batch).await;
        task_shared.recent.end_unawaited();
    });
}

/// A connected relay that has the MiMei, or one that has not said yet whether it has.
pub(super) async fn source(shared: &Shared, item: &Item) -> Result<Rc<Connection>, Fault> {
    item.sources.borrow_mut().retain(|id| shared.connection(*id).is_some());
    let is_open = |connection: &Rc<Connection>| connection.remote().is_some();
    let known = item.sources.borrow().iter().find_map(|id| shared.connection(*id).filter(is_open));
    if let Some(connection) = known {
        return Ok(connection);
    }
    let connection = super::relays(shared).into_iter().next().ok_or_else(Fault::offline)?;
    // A session that has just opened knows nothing of the link yet.
    sync::enter(shared, &item.id, &connection).await?;
    Ok(connection)
}

/// The nodes of one map, as far as an operation has come across them.
pub(super) struct Nodes<'a> {
    shared: &'a Shared,
    item: &'a Item,
    salt: Salt,
    nodes: BTreeMap<Cid, Arc<Node>>,
    /// Nodes that were made, those that others name first.
    pub(super) fresh: Vec<(StoredBlock, Vec<Cid>)>,
    fault: Option<VaultError>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(shared: &'a Shared, item: &'a Item, salt: Salt) -> Self {
        Self { shared, item, salt, nodes: BTreeMap::new(), fresh: Vec::new(), fault: None }
    }

    /// Takes over nodes that an earlier operation made.
    pub(super) fn know(&mut self, fresh: Vec<(StoredBlock, Vec<Cid>)>) {
        for (block, _) in &fresh {
            let opened = self.shared.vault.borrow().open(&self.item.id, &block.cid, &block.bytes);
            // What is no node, such as a memo, is only kept.
            if let Some(node) = opened.ok().and_then(|open| Node::decode(open.body, open.links).ok()) {
                self.nodes.insert(block.cid, Arc::new(node));
            }
        }
        self.fresh.extend(fresh);
    }

    /// Runs a step of an operation, and again whenever what it lacked has been fetched.
    pub(super) async fn run<T>(&mut self, mut step: impl FnMut(&mut Self) -> Result<T, MapError>) -> Result<T, Fault> {
        loop {
            let done = step(self);
            if let Some(fault) = self.fault.take() {
                return Err(fault.into());
            }
            match done {
                Err(MapError::Missing(holes)) => self.fill(&holes).await?,
                other => return Ok(other?),
            }
        }
    }

    async fn fill(&mut self, holes: &[Cid]) -> Result<(), Fault> {
        let mut unknown = Vec::new();
        for cid in holes {
            match self.shared.recent.node(cid, &self.salt) {
                Some(node) => drop(self.nodes.insert(*cid, node)),
                None => unknown.push(*cid),
            }
        }
        for (cid, block) in fetch(self.shared, self.item, &unknown).await? {
            let node = Node::decode(block.body, block.links).map_err(Fault::verify)?;
            if !node.obeys(&self.salt) {
                return Err(Fault::verify("a part of the data has the wrong shape; whoever saved it broke it"));
            }
            self.learn(cid, node);
        }
        Ok(())
    }

    fn learn(&mut self, cid: Cid, node: Node) {
        let node = Arc::new(node);
        self.shared.recent.keep_node(cid, self.salt, node.clone());
        self.nodes.insert(cid, node);
    }
}

impl NodeSource for Nodes<'_> {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.nodes.get(cid).cloned()
    }
}

impl NodeSink for Nodes<'_> {
    fn put(&mut self, body: Vec<u8>, links: Vec<Cid>) -> Cid {
        let block = BlockToSeal { body: body.clone(), links: links.clone() };
        match self.shared.vault.borrow().seal(&self.item.id, block) {
            Ok(stored) => {
                let cid = stored.cid;
                if let Ok(node) = Node::decode(body, links.clone()) {
                    self.learn(cid, node);
                }
                self.fresh.push((stored, links));
                cid
            }
            Err(error) => {
                self.fault.get_or_insert(error);
                // Never used: the fault ends the operation.
                *self.item.id.cid()
            }
        }
    }
}

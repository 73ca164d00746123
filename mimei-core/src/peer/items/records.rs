//! Records of a MiMei: read from the store, taken in from whoever brings them, kept.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::blocks::{self, BlockRow};
use super::fault::Fault;
use super::state::State;
use super::{Item, has_news};
use crate::cbor::Cbor;
use crate::cid::{AccessId, Cid, HeadId, MimeiId, UserId, VersionId};
use crate::limits::SCAN_ROWS_MAX;
use crate::mimei::{Genesis, Head};
use crate::peer::{Shared, logs};
use crate::store::{Batch, RowKey, Scan, StoreError, Table};
use crate::time::Millis;
use crate::wire::Records;

/// Where the number stands in a key of the outbox: behind the MimeiId's hash.
const NUMBER_AT: usize = 32;
/// The outbox's row that says that records wait.
const RECORDS_WAIT: u64 = u64::MAX;

pub(super) fn genesis_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Mimei, mimei.cid().hash())
}

fn numbered(table: Table, mimei: &MimeiId, number: u64, id: &Cid) -> RowKey {
    RowKey::new(table, [&mimei.cid().hash()[..], &number.to_be_bytes(), id.hash()].concat())
}

fn signer_row(mimei: &MimeiId, user: &UserId) -> (RowKey, Vec<u8>) {
    (RowKey::new(Table::Signer, [&mimei.cid().hash()[..], user.cid().hash()].concat()), user.to_cbor())
}

pub(super) fn link_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Link, mimei.cid().hash())
}

/// Several programs may share a store: the address keeps their rows apart.
pub(super) fn outbox_key(mimei: &MimeiId, number: u64, cid: &Cid) -> RowKey {
    RowKey::new(Table::Outbox, [&mimei.cid().hash()[..], &number.to_be_bytes(), &cid.to_bytes()].concat())
}

/// The number of a row of the outbox.
pub(super) fn outbox_number(row: &[u8]) -> Option<u64> {
    row.get(NUMBER_AT..)?.first_chunk::<8>().map(|number| u64::from_be_bytes(*number))
}

pub(super) fn records_wait_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Outbox, [&mimei.cid().hash()[..], &RECORDS_WAIT.to_be_bytes()].concat())
}

pub(super) fn own_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Own, mimei.cid().hash())
}

pub(super) fn draft_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Draft, mimei.cid().hash())
}

pub(super) fn seen_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Seen, mimei.cid().hash())
}

pub(super) fn sent_key(mimei: &MimeiId) -> RowKey {
    RowKey::new(Table::Sent, mimei.cid().hash())
}

/// All rows of a MiMei in a table.
pub(super) async fn rows(
    shared: &Shared,
    table: Table,
    mimei: &MimeiId,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let scan = Scan { table, prefix: mimei.cid().hash().to_vec(), after, limit: SCAN_ROWS_MAX };
        let page = shared.effects.scan(scan).await?;
        let is_last = page.len() < SCAN_ROWS_MAX;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

async fn decoded<T: Cbor>(shared: &Shared, table: Table, mimei: &MimeiId) -> Result<Vec<T>, StoreError> {
    let rows = rows(shared, table, mimei).await?;
    rows.iter().map(|(_, value)| T::from_cbor(value).map_err(|_| damaged(mimei))).collect()
}

fn damaged(mimei: &MimeiId) -> StoreError {
    StoreError::Failed(alloc::format!("what is stored of {mimei} is damaged"))
}

/// Reads a MiMei from the store; says whether it is there. The caller holds the item's lock.
pub(super) async fn load(shared: &Shared, item: &Item) -> Result<bool, StoreError> {
    let id = &item.id;
    let Some(genesis) = shared.effects.row(genesis_key(id)).await? else { return Ok(false) };
    let genesis = Genesis::from_cbor(&genesis).map_err(|_| damaged(id))?;
    let mut known = BTreeMap::new();
    let signers: Vec<UserId> = decoded(shared, Table::Signer, id).await?;
    for user in signers.into_iter().chain([genesis.author]) {
        if let Some(log) = logs::load(shared, &user).await? {
            known.insert(user, log);
        }
    }
    let mut state = State::new(genesis, known);
    for record in decoded(shared, Table::Access, id).await? {
        state.insert_access(record).map_err(|_| damaged(id))?;
    }
    for version in decoded(shared, Table::Version, id).await? {
        state.insert_version(version).map_err(|_| damaged(id))?;
    }
    for head in decoded(shared, Table::Head, id).await? {
        state.insert_head(head).map_err(|_| damaged(id))?;
    }
    if let Some(draft) = shared.effects.row(draft_key(id)).await? {
        state.draft = Some(Head::from_cbor(&draft).map_err(|_| damaged(id))?);
    }
    let seen = shared.effects.row(seen_key(id)).await?;
    item.seen_before.set(seen.and_then(|seen| Millis::from_cbor(&seen).ok()));
    item.was_sent.set(shared.effects.row(sent_key(id)).await?.is_some());
    if let Some(link) = shared.effects.row(link_key(id)).await?
        && shared.vault.borrow().link_key(id).is_none()
    {
        shared.vault.borrow_mut().unwrap_link(*id, &link);
    }
    // While it was in memory the outbox was counted there.
    if item.state.borrow().is_none() {
        load_outbox(shared, item).await?;
    }
    shared.vault.borrow_mut().learn(&state.genesis, &state.access, &state.view);
    *item.state.borrow_mut() = Some(state);
    Ok(true)
}

async fn load_outbox(shared: &Shared, item: &Item) -> Result<(), StoreError> {
    let waiting = rows(shared, Table::Outbox, &item.id).await?;
    let mut outbox = item.outbox.borrow_mut();
    *outbox = super::Outbox::default();
    for (key, _) in waiting {
        match outbox_number(&key) {
            Some(RECORDS_WAIT) => outbox.records = Some(0),
            Some(number) => {
                outbox.blocks += 1;
                outbox.next = outbox.next.max(number + 1);
            }
            None => {}
        }
    }
    Ok(())
}

/// What else is to happen in the same change of the store.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) batch: Batch,
    /// Whether the records are this device's own and a relay is to have them.
    pub(super) is_own: bool,
    /// Whether the blocks that versions name must be here.
    pub(super) needs_blocks: bool,
}

/// Takes records in: what verifies and is new is kept, before anybody is told. Stops at the first
/// that is refused; what came before it is kept. The caller holds the item's lock.
pub(super) async fn take_in(shared: &Shared, item: &Item, records: Records, extra: Extra) -> Result<(), Fault> {
    let Extra { mut batch, is_own, needs_blocks } = extra;
    learn_logs(shared, item, &records).await?;
    if needs_blocks {
        count_roots(shared, item, &records, &mut batch).await?;
    }
    let (refused, new_records) = insert(item, records, &mut batch);
    if is_own {
        batch.put.push((records_wait_key(&item.id), Vec::new()));
    }
    batch.strict = true;
    if new_records || is_own {
        if let Err(error) = shared.effects.apply(batch).await {
            // Memory is ahead of the store: nothing builds on it before it was read again.
            item.is_stale.set(true);
            return Err(error.into());
        }
        if is_own {
            let mut outbox = item.outbox.borrow_mut();
            outbox.records = Some(outbox.records.map_or(0, |change| change + 1));
        }
        let state = item.state();
        shared.vault.borrow_mut().learn(&state.genesis, &state.access, &state.view);
        drop(state);
        has_news(shared, item);
    }
    refused.map_or(Ok(()), Err)
}

/// Inserts one by one; says what was refused, if something was, and whether anything was new.
fn insert(item: &Item, records: Records, batch: &mut Batch) -> (Option<Fault>, bool) {
    let mut state = item.state.borrow_mut();
    let Some(state) = state.as_mut() else { return (Some(Fault::unknown()), false) };
    let rows_before = batch.put.len();
    let id = &item.id;
    let work = || -> Result<(), Fault> {
        for signed in records.access {
            let (bytes, by, seq) = (signed.to_cbor(), signed.body.by.user, signed.body.seq);
            if state.insert_access(signed)? {
                batch.put.push((numbered(Table::Access, id, seq, AccessId::of(&bytes).cid()), bytes));
                batch.put.push(signer_row(id, &by));
            }
        }
        for signed in records.versions {
            let (bytes, by, number) = (signed.to_cbor(), signed.body.by.user, signed.body.number);
            if state.insert_version(signed)? {
                batch.put.push((numbered(Table::Version, id, number, VersionId::of(&bytes).cid()), bytes));
                batch.put.push(signer_row(id, &by));
            }
        }
        for signed in records.heads {
            let (bytes, by, seq) = (signed.to_cbor(), signed.body.by.user, signed.body.seq);
            if state.insert_head(signed)? {
                batch.put.push((numbered(Table::Head, id, seq, HeadId::of(&bytes).cid()), bytes));
                batch.put.push(signer_row(id, &by));
            }
        }
        Ok(())
    };
    let refused = work().err();
    (refused, batch.put.len() > rows_before)
}

/// Joins the logs that came with what is known, and makes sure that the item has those of all signers.
async fn learn_logs(shared: &Shared, item: &Item, records: &Records) -> Result<(), Fault> {
    for part in &records.logs {
        let log = logs::join(shared, &part.user, part.entries.clone()).await;
        let log = log.map_err(|ending| Fault::rule("verify.failed", ending.message))?;
        if let Some(state) = item.state.borrow_mut().as_mut() {
            state.add_log(log);
        }
    }
    let signers = records.access.iter().map(|signed| &signed.body.by);
    let signers = signers.chain(records.versions.iter().map(|signed| &signed.body.by));
    let signers = signers.chain(records.heads.iter().map(|signed| &signed.body.by));
    for by in signers {
        // One that lacks entries which the record cites may have got them by another way meanwhile.
        let knows = |log: &crate::identity::IdentityLog| by.log.iter().all(|entry| log.contains(entry));
        if item.state().logs.get(&by.user).is_some_and(knows) {
            continue;
        }
        if let Some(log) = logs::load(shared, &by.user).await?
            && let Some(state) = item.state.borrow_mut().as_mut()
        {
            state.add_log(log);
        }
    }
    Ok(())
}

/// A relay takes a version only when it has all of it, and counts it as one that names its root.
async fn count_roots(shared: &Shared, item: &Item, records: &Records, batch: &mut Batch) -> Result<(), Fault> {
    let mut counted: BTreeMap<Cid, BlockRow> = BTreeMap::new();
    for signed in &records.versions {
        if item.state().versions.contains_key(&VersionId::of(&signed.to_cbor())) {
            continue;
        }
        for root in [Some(signed.body.root), signed.body.refs].into_iter().flatten() {
            let row = match counted.get(&root) {
                Some(row) => Some(row.clone()),
                None => blocks::row(shared, &item.id, &root).await?,
            };
            let missing = || Fault::Missing("send the blocks of a version before the version".to_string());
            let BlockRow { bytes, parents } = row.ok_or_else(missing)?;
            counted.insert(root, BlockRow { bytes, parents: parents + 1 });
        }
    }
    counted.keys().for_each(|root| shared.recent.forget_row(&item.id, root));
    batch.put.extend(counted.iter().map(|(cid, row)| (blocks::row_key(&item.id, cid), row.to_cbor())));
    Ok(())
}

/// Makes the item of a genesis. The caller holds the item's lock; nothing is stored if it is there already.
pub(super) async fn found(shared: &Shared, item: &Item, genesis: Genesis) -> Result<(), Fault> {
    if item.state.borrow().is_some() || load(shared, item).await? {
        return Ok(());
    }
    if genesis.id() != item.id {
        return Err(Fault::verify("the first record does not belong to this address"));
    }
    let row = (genesis_key(&item.id), genesis.to_cbor());
    shared.effects.apply(Batch { put: [row].into(), strict: true, ..Batch::default() }).await?;
    let mut known = BTreeMap::new();
    if let Some(log) = logs::load(shared, &genesis.author).await? {
        known.insert(genesis.author, log);
    }
    let state = State::new(genesis, known);
    shared.vault.borrow_mut().learn(&state.genesis, &state.access, &state.view);
    *item.state.borrow_mut() = Some(state);
    Ok(())
}

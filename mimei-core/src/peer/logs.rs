//! Identity logs of others: kept, joined with what arrives, and believed only when they verify.

use alloc::format;
use alloc::vec::Vec;

use super::handshake::Ending;
use super::{Event, Shared};
use crate::cbor::Cbor;
use crate::cid::{EntryId, UserId};
use crate::identity::{Entry, IdentityLog};
use crate::limits::{LOG_ENTRIES_MAX, SCAN_ROWS_MAX};
use crate::sign::Signed;
use crate::store::{Batch, RowKey, Scan, StoreError, Table};
use crate::wire::noise::Proof;

const _: () = assert!(LOG_ENTRIES_MAX <= SCAN_ROWS_MAX);

/// Key of a log's entry: user, depth, entry. So a scan gives each entry after those it follows.
fn row_key(user: &UserId, depth: u64, entry: &EntryId) -> RowKey {
    let key = [&user.cid().hash()[..], &depth.to_be_bytes(), entry.cid().hash()].concat();
    RowKey::new(Table::Log, key)
}

/// The log of a user as far as it is known here; of our own user that is at least what we are made of.
pub(super) async fn load(shared: &Shared, user: &UserId) -> Result<Option<IdentityLog>, StoreError> {
    let stored = stored(shared, user).await?;
    let own = shared.log.borrow();
    if own.user() != *user {
        return Ok(stored);
    }
    let mut log = own.clone();
    let _ = log.extend(stored.iter().flat_map(IdentityLog::entries));
    Ok(Some(log))
}

/// Takes up what an earlier run learned of our own user: its other devices add to the log, too.
pub(super) async fn load_own(shared: &Shared) -> Result<(), StoreError> {
    let user = shared.log.borrow().user();
    if shared.own_log_is_whole.get() {
        return Ok(());
    }
    if let Some(log) = load(shared, &user).await? {
        let _ = shared.log.borrow_mut().extend(log.entries());
    }
    shared.own_log_is_whole.set(true);
    Ok(())
}

async fn stored(shared: &Shared, user: &UserId) -> Result<Option<IdentityLog>, StoreError> {
    let scan = Scan { table: Table::Log, prefix: user.cid().hash().to_vec(), after: None, limit: LOG_ENTRIES_MAX };
    let rows = shared.effects.scan(scan).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let entries = rows.iter().map(|(_, value)| Signed::<Entry>::from_cbor(value)).collect::<Result<Vec<_>, _>>();
    let log = entries.ok().and_then(|entries| IdentityLog::from_entries(entries).ok());
    log.map(Some).ok_or_else(|| StoreError::Failed(format!("the stored identity log of {user} is damaged")))
}

/// The rows that hold a log.
pub(crate) fn rows_of(log: &IdentityLog) -> Vec<(RowKey, Vec<u8>)> {
    let user = log.user();
    log.entries_with_depth().map(|(id, depth, entry)| (row_key(&user, depth, id), entry.to_cbor())).collect()
}

/// Checks that a proof's device is a valid device of its user, by the log that
/// came with it joined with the one that is known here.
pub(super) async fn check_device(shared: &Shared, proof: &Proof, sent: Vec<Signed<Entry>>) -> Result<(), Ending> {
    let log = join(shared, &proof.user, sent).await?;
    if proof.log.iter().any(|tip| !log.contains(tip)) {
        return Err(Ending::new("handshake.log", "the other side's identity log lacks entries that it cites"));
    }
    if log.device(&proof.device).is_none() {
        let message = "the other side's device is not, or no longer, a device of that user";
        return Err(Ending::new("handshake.device", message));
    }
    Ok(())
}

/// Adds entries to what is known of a user. What was new is stored, and sessions
/// of devices that are revoked by it end.
pub(super) async fn join(shared: &Shared, user: &UserId, sent: Vec<Signed<Entry>>) -> Result<IdentityLog, Ending> {
    let known = load(shared, user).await.map_err(Ending::of_store)?;
    let (log, changed) = union(known, sent)?;
    if log.user() != *user {
        return Err(Ending::new("handshake.log", "the other side sent somebody else's identity log"));
    }
    if changed {
        let batch = Batch { put: rows_of(&log), strict: true, ..Batch::default() };
        shared.effects.apply(batch).await.map_err(Ending::of_store)?;
        learn(shared, &log);
    }
    Ok(log)
}

fn union(known: Option<IdentityLog>, sent: Vec<Signed<Entry>>) -> Result<(IdentityLog, bool), Ending> {
    let bad = |error| Ending::new("handshake.log", format!("the other side's identity log is not valid: {error}"));
    let mut entries = sent.into_iter();
    let mut changed = known.is_none();
    let mut log = match known {
        Some(log) => log,
        None => {
            let missing = || Ending::new("handshake.log", "the other side sent no identity log");
            IdentityLog::new(entries.next().ok_or_else(missing)?).map_err(bad)?
        }
    };
    changed |= log.extend(entries).map_err(bad)?;
    Ok((log, changed))
}

/// Draws the consequences of a log that has grown.
fn learn(shared: &Shared, log: &IdentityLog) {
    let mut own = shared.log.borrow_mut();
    if own.user() == log.user() {
        // Both logs are valid logs of one user, so every entry fits.
        if own.extend(log.entries()) == Ok(true) {
            shared.effects.event(Event::IdentityChanged);
        }
    }
    drop(own);
    shared.items.learn(log);
    for connection in shared.connections.borrow().values() {
        let Some(remote) = connection.claimed() else { continue };
        if remote.user == log.user() && log.devices().any(|d| d.keys.sign == remote.device && d.revoked.is_some()) {
            let message = "the other side's device was revoked";
            connection.condemn(&shared.effects, Ending::new("session.revoked", message));
        }
    }
}

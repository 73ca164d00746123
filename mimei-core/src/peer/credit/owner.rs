//! What the owner of a relay does: invites people, raises lines, settles debts, stops what is not to be served.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::promises::{give_line, give_receipt, tell};
use super::rows::{self, InviteRow};
use super::{Blocked, CreditOutcome, NewInvite, Terms, ledger, own_user, view};
use crate::cbor::Cbor;
use crate::cid::UserId;
use crate::credit::{InviteSecret, Reason, Stop};
use crate::limits::SCAN_ROWS_MAX;
use crate::peer::Shared;
use crate::peer::handshake::Ending;
use crate::peer::items::Fault;
use crate::store::{Batch, RowKey, Scan, StoreError, Table};

/// Bytes of a label: a name.
const LABEL_BYTES_MAX: usize = 200;
/// What may be stopped: all of it is kept in memory.
const BLOCKED_MAX: usize = 1 << 16;

fn check(terms: &Terms) -> Result<(), Fault> {
    if terms.renews.is_some_and(|renews| renews.days == 0) {
        return Err(Fault::argument("a line renews after one day or more"));
    }
    Ok(())
}

pub(super) async fn invite(shared: &Shared, new: NewInvite) -> Result<CreditOutcome, Fault> {
    let NewInvite { terms, label, uses, until, seed } = new;
    check(&terms)?;
    if label.len() > LABEL_BYTES_MAX {
        return Err(Fault::argument("a label has at most 200 bytes"));
    }
    if uses == 0 || uses > SCAN_ROWS_MAX as u64 {
        return Err(Fault::argument("an invite is for 1 to 1024 people"));
    }
    let secret = InviteSecret::generate(&seed);
    let row = InviteRow { uses, label, taken: Vec::new(), terms, until };
    let put = [(rows::invite_key(&secret.key()), row.to_cbor())].into();
    shared.effects.apply(Batch { put, strict: true, ..Batch::default() }).await?;
    Ok(CreditOutcome::Invited(secret))
}

pub(super) async fn grant(shared: &Shared, debtor: UserId, terms: Terms) -> Result<CreditOutcome, Fault> {
    check(&terms)?;
    if debtor == own_user(shared) {
        return Err(Fault::argument("a relay owes itself nothing"));
    }
    let ledger = ledger(shared, own_user(shared), debtor).await?;
    {
        let _lock = ledger.for_change(shared).await?;
        give_line(shared, &ledger, terms, None, Batch::default()).await?;
        tell(shared, &debtor);
    }
    view::outcome(shared, &ledger).await
}

pub(super) async fn settle(
    shared: &Shared,
    debtor: UserId,
    amount: u64,
    reason: Reason,
) -> Result<CreditOutcome, Fault> {
    let ledger = ledger(shared, own_user(shared), debtor).await?;
    if ledger.account().line().is_none() {
        return Err(Fault::rule("credit.none", Stop::NoLine));
    }
    {
        let _lock = ledger.for_change(shared).await?;
        give_receipt(shared, &ledger, amount, reason, None).await?;
        tell(shared, &debtor);
    }
    view::outcome(shared, &ledger).await
}

fn key_of(what: &Blocked) -> RowKey {
    RowKey::new(Table::Blocked, what.to_cbor())
}

/// Reads what is stopped, once.
pub(in crate::peer) async fn load_blocked(shared: &Shared) -> Result<(), StoreError> {
    if shared.accounts.blocked.borrow().is_some() {
        return Ok(());
    }
    let mut found = BTreeSet::new();
    let mut after = None;
    while found.len() < BLOCKED_MAX {
        let scan = Scan { table: Table::Blocked, prefix: Vec::new(), after: after.take(), limit: SCAN_ROWS_MAX };
        let page = shared.effects.scan(scan).await?;
        found.extend(page.iter().filter_map(|(key, _)| Blocked::from_cbor(key).ok()));
        match page.last() {
            Some((key, _)) if page.len() == SCAN_ROWS_MAX => after = Some(key.clone()),
            _ => break,
        }
    }
    shared.accounts.blocked.borrow_mut().get_or_insert(found);
    Ok(())
}

/// Whether something is stopped. What was not read yet is not.
pub(in crate::peer) fn is_blocked(shared: &Shared, what: Blocked) -> bool {
    shared.accounts.blocked.borrow().as_ref().is_some_and(|blocked| blocked.contains(&what))
}

pub(super) async fn block(shared: &Shared, what: Blocked, is_blocked: bool) -> Result<CreditOutcome, Fault> {
    load_blocked(shared).await?;
    let count = shared.accounts.blocked.borrow().as_ref().map_or(0, BTreeSet::len);
    if is_blocked && count >= BLOCKED_MAX {
        return Err(Fault::rule("storage.full", "so many things are stopped that no more can be; allow some again"));
    }
    let (put, delete) = if is_blocked {
        (Vec::from([(key_of(&what), Vec::new())]), Vec::new())
    } else {
        (Vec::new(), [key_of(&what)].into())
    };
    shared.effects.apply(Batch { put, delete, strict: true, ..Batch::default() }).await?;
    if let Some(blocked) = shared.accounts.blocked.borrow_mut().as_mut() {
        if is_blocked {
            blocked.insert(what)
        } else {
            blocked.remove(&what)
        };
    }
    if let Blocked::User(user) = what
        && is_blocked
    {
        for connection in shared.connections.borrow().values() {
            if connection.claimed().is_some_and(|remote| remote.user == user) {
                connection.condemn(&shared.effects, blocked_user());
            }
        }
    }
    Ok(CreditOutcome::Done)
}

/// Why a session with somebody ends.
pub(in crate::peer) fn blocked_user() -> Ending {
    Ending::new("session.blocked", "the owner of this relay does not serve you")
}

pub(super) async fn blocks(shared: &Shared) -> Result<CreditOutcome, Fault> {
    load_blocked(shared).await?;
    let blocked = shared.accounts.blocked.borrow();
    Ok(CreditOutcome::Blocked(blocked.iter().flatten().copied().collect()))
}

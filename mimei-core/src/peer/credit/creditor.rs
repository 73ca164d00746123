//! The side that serves: what it takes of its debtors, what it answers.

use alloc::rc::Rc;

use super::news::News;
use super::promises::{give_line, lined, prices, renew, tell};
use super::rows::{self, InviteRow};
use super::{Ledger, Terms, ledger, own_user};
use crate::cbor::Cbor;
use crate::cid::UserId;
use crate::credit::{CreditError, InviteKeyUse, Line, Stop};
use crate::identity::IdentityLog;
use crate::peer::connection::{Connection, Remote};
use crate::peer::items;
use crate::peer::serve::store_refusal;
use crate::peer::{Shared, logs};
use crate::sign::Domain;
use crate::store::{Batch, StoreError};
use crate::wire::{AcceptAsk, CreditAsk, MandateAsk, MandateUse, PayAsk, Refusal, RefusalCode, Statement};

/// The account of somebody with this peer.
pub(super) async fn account_of(shared: &Shared, debtor: UserId) -> Result<Rc<Ledger>, Refusal> {
    ledger(shared, own_user(shared), debtor).await.map_err(store_refusal)
}

pub(super) fn remote(connection: &Connection) -> Result<Remote, Refusal> {
    connection.remote().ok_or_else(|| Refusal::new(RefusalCode::Denied, "the session has ended"))
}

fn refused(error: CreditError) -> Refusal {
    let code = match error {
        CreditError::Shrinks | CreditError::SameSerial => RefusalCode::Conflict,
        CreditError::OtherParties => RefusalCode::Denied,
        _ => RefusalCode::Invalid,
    };
    Refusal::new(code, alloc::format!("{error}"))
}

pub(super) fn stopped(stop: Stop) -> Refusal {
    let code = match stop {
        Stop::NoLine | Stop::NoMandate | Stop::MandateUsedUp | Stop::MandateToday => RefusalCode::Unpaid,
        Stop::Ended | Stop::Unsigned | Stop::Limit(_) => RefusalCode::Paused,
    };
    Refusal::new(code, alloc::format!("{stop}"))
}

/// Logs of both sides of an account.
pub(super) async fn both_logs(
    shared: &Shared,
    other: &UserId,
) -> Result<alloc::collections::BTreeMap<UserId, IdentityLog>, StoreError> {
    logs::load_own(shared).await?;
    let mut found = alloc::collections::BTreeMap::new();
    if let Some(log) = logs::load(shared, other).await? {
        found.insert(*other, log);
    }
    if let Some(log) = logs::load(shared, &own_user(shared)).await? {
        found.insert(log.user(), log);
    }
    Ok(found)
}

/// Answers with what is known of the asker's account, after taking what the asker has that is newer.
pub(in crate::peer) async fn credit(
    shared: &Shared,
    connection: &Connection,
    ask: CreditAsk,
) -> Result<Statement, Refusal> {
    let remote = remote(connection)?;
    let ledger = lined(shared, remote.user).await?;
    let lock = ledger.for_change(shared).await.map_err(store_refusal)?;
    let CreditAsk { iou, line, receipt } = ask;
    // What strangers sign is not kept: they could sign as much as they like.
    let is_known = line.is_some() || ledger.account().line().is_some();
    let (iou, receipt) = (iou.filter(|_| is_known), receipt.filter(|_| is_known));
    let logs = both_logs(shared, &remote.user).await.map_err(store_refusal)?;
    // What it is shown of its own counts if its device still does: who has one that was revoked signs what it likes.
    let line = line.filter(|line| line.device_stands(&logs));
    let receipt = receipt.filter(|receipt| receipt.device_stands(&logs));
    for news in [
        News { line, ..News::default() },
        News { receipt, ..News::default() },
        News { ious: iou.into_iter().collect(), ..News::default() },
    ] {
        // The debtor learns from the answer that another one counts.
        let newer = match news.newer(&ledger.account(), &logs) {
            Err(CreditError::SameSerial | CreditError::Shrinks) => News::default(),
            other => other.map_err(refused)?,
        };
        if !newer.is_empty() {
            let row = ledger.row_or_new(shared);
            newer.keep(shared, &ledger, row, Batch::default()).await.map_err(store_refusal)?;
        }
    }
    renew(shared, &ledger).await.map_err(store_refusal)?;
    drop(lock);
    statement(shared, &ledger, remote).await
}

async fn statement(shared: &Shared, ledger: &Ledger, remote: Remote) -> Result<Statement, Refusal> {
    let prices = prices(shared).await.map_err(store_refusal)?;
    let stored = items::usage_of(shared, &remote.user).await.map_err(store_refusal)?;
    let (account, now) = (ledger.account(), shared.effects.now());
    let mandates = account.sponsored().values().map(|sponsored| MandateUse {
        used: sponsored.used,
        today: sponsored.used_today(now),
        mandate: sponsored.mandate.clone(),
    });
    Ok(Statement {
        ious: account.lanes().values().filter_map(|lane| lane.iou.clone()).collect(),
        line: account.line().cloned(),
        prices,
        served: account.lane(&remote.device).served,
        stored,
        receipt: account.receipt().cloned(),
        mandates: mandates.collect(),
    })
}

/// Takes an IOU of the device of this session.
pub(in crate::peer) async fn pay(shared: &Shared, connection: &Connection, ask: PayAsk) -> Result<(), Refusal> {
    let remote = remote(connection)?;
    let PayAsk { iou } = ask;
    if iou.body.by.device != remote.device {
        return Err(Refusal::new(RefusalCode::Denied, "a device pays for itself only"));
    }
    let (device, total) = (remote.device, iou.body.total);
    take(shared, remote, News { ious: [iou].into(), ..News::default() }).await?;
    let ledger = account_of(shared, remote.user).await?;
    let known = ledger.account().lane(&device).total();
    if known > total {
        return Err(Refusal::new(RefusalCode::Conflict, "a newer IOU of this device is known; look again"));
    }
    Ok(())
}

/// Takes a mandate of the user of this session.
pub(in crate::peer) async fn mandate(shared: &Shared, connection: &Connection, ask: MandateAsk) -> Result<(), Refusal> {
    let remote = remote(connection)?;
    take(shared, remote, News { mandates: [ask.mandate].into(), ..News::default() }).await
}

async fn take(shared: &Shared, remote: Remote, news: News) -> Result<(), Refusal> {
    let ledger = lined(shared, remote.user).await?;
    let _lock = ledger.for_change(shared).await.map_err(store_refusal)?;
    if ledger.account().line().is_none() {
        return Err(stopped(Stop::NoLine));
    }
    let logs = both_logs(shared, &remote.user).await.map_err(store_refusal)?;
    let news = news.newer(&ledger.account(), &logs).map_err(refused)?;
    if news.is_empty() {
        return Ok(());
    }
    for mandate in &news.mandates {
        ledger.account().may_mandate(&mandate.body, shared.effects.now()).map_err(stopped)?;
    }
    let row = ledger.row_or_new(shared);
    news.keep(shared, &ledger, row, Batch::default()).await.map_err(store_refusal)
}

/// Gives the line of an invite to the user of this session.
pub(in crate::peer) async fn accept(
    shared: &Shared,
    connection: &Connection,
    ask: AcceptAsk,
) -> Result<Statement, Refusal> {
    let remote = remote(connection)?;
    let unknown = || Refusal::new(RefusalCode::NotFound, "the relay knows no such invite, or it has ended");
    let session = connection.session_hash().ok_or_else(unknown)?;
    let proof = InviteKeyUse { invite: ask.invite, session };
    ask.invite.verify(Domain::Invite, &proof.to_cbor(), &ask.sig).map_err(|_| unknown())?;
    let ledger = account_of(shared, remote.user).await?;
    take_up(shared, &ledger, &ask).await?;
    statement(shared, &ledger, remote).await
}

async fn take_up(shared: &Shared, ledger: &Ledger, ask: &AcceptAsk) -> Result<(), Refusal> {
    let unknown = || Refusal::new(RefusalCode::NotFound, "the relay knows no such invite, or it has ended");
    let _lock = ledger.for_change(shared).await.map_err(store_refusal)?;
    let key = rows::invite_key(&ask.invite);
    let stored = shared.effects.row(key.clone()).await.map_err(store_refusal)?.ok_or_else(unknown)?;
    let mut invite = InviteRow::from_cbor(&stored).map_err(|_| unknown())?;
    let debtor = ledger.sides.debtor;
    if invite.taken.contains(&debtor) {
        return Ok(());
    }
    if invite.until.is_some_and(|until| until <= shared.effects.now()) {
        return Err(unknown());
    }
    if invite.taken.len() as u64 >= invite.uses {
        return Err(Refusal::new(RefusalCode::Conflict, "this invite was used already; ask for another"));
    }
    invite.taken.push(debtor);
    let terms = raised(ledger.account().line().map(|line| &line.body), invite.terms);
    let batch = Batch {
        expect: [(key.clone(), Some(stored))].into(),
        put: [(key, invite.to_cbor())].into(),
        ..Batch::default()
    };
    give_line(shared, ledger, terms, Some(&invite.label), batch).await.map_err(store_refusal)?;
    tell(shared, &debtor);
    Ok(())
}

/// The better of what there is and what an invite gives.
fn raised(line: Option<&Line>, terms: Terms) -> Terms {
    let Some(line) = line else { return terms };
    Terms { limit: terms.limit.max(line.limit), space: terms.space.max(line.space), ..terms }
}

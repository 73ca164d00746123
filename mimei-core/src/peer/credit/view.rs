//! What is shown of accounts.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::rows::{self, Sides};
use super::{AccountView, CreditOutcome, Ledger, SponsoredView, ledger, own_user};
use crate::cbor::Cbor;
use crate::credit::Stop;
use crate::order;
use crate::peer::Shared;
use crate::peer::items::{self, Fault};

pub(super) async fn outcome(shared: &Shared, ledger: &Rc<Ledger>) -> Result<CreditOutcome, Fault> {
    Ok(CreditOutcome::Account(Box::new(view(shared, ledger).await?)))
}

pub(super) async fn accounts(shared: &Shared) -> Result<CreditOutcome, Fault> {
    let mut views = Vec::new();
    for ledger in all(shared).await? {
        views.push(view(shared, &ledger).await?);
    }
    order::sort_by_key(&mut views, |view| !view.owes);
    Ok(CreditOutcome::Accounts(views))
}

async fn all(shared: &Shared) -> Result<Vec<Rc<Ledger>>, Fault> {
    let mut found = Vec::new();
    for Sides { creditor, debtor } in rows::all(shared).await? {
        found.push(ledger(shared, creditor, debtor).await?);
    }
    Ok(found)
}

async fn view(shared: &Shared, ledger: &Ledger) -> Result<AccountView, Fault> {
    let Sides { creditor, debtor } = ledger.sides;
    let owes = debtor == own_user(shared);
    let row = ledger.row.borrow().clone();
    let stored = match &row {
        Some(row) if owes => row.stored.saturating_add(ledger.talk.stored.get()),
        _ => items::usage_of(shared, &debtor).await?,
    };
    let (account, now) = (ledger.account(), shared.effects.now());
    let sponsored = account.sponsored().values().map(|sponsored| SponsoredView {
        mandate: sponsored.mandate.clone(),
        used: sponsored.used,
        today: sponsored.used_today(now),
    });
    let stop = if owes { ledger.talk.stop.borrow().clone() } else { None };
    let limit = || match account.may_serve(&shared.device, 1, now) {
        Err(stop @ Stop::Ended) if !owes => Some(stop.to_string()),
        Err(stop @ (Stop::Limit(_) | Stop::NoLine)) => Some(stop.to_string()),
        _ => None,
    };
    Ok(AccountView {
        creditor,
        debtor,
        owes,
        label: row.map(|row| row.label).unwrap_or_default(),
        line: account.line().cloned(),
        receipt: account.receipt().cloned(),
        numbers: account.numbers(now),
        lanes: account.lanes().iter().map(|(device, lane)| (*device, lane.clone())).collect(),
        sponsored: sponsored.collect(),
        stored,
        stop: stop.or_else(limit),
    })
}

/// All signed records, for whoever wants to count again.
pub(super) async fn records(shared: &Shared) -> Result<CreditOutcome, Fault> {
    let mut found: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for ledger in all(shared).await? {
        let account = ledger.account();
        found.extend(account.line().map(|line| ("line", line.to_cbor())));
        found.extend(account.receipt().map(|receipt| ("receipt", receipt.to_cbor())));
        let ious = account.lanes().values().filter_map(|lane| lane.iou.as_ref());
        found.extend(ious.map(|iou| ("iou", iou.to_cbor())));
        found.extend(account.sponsored().values().map(|sponsored| ("mandate", sponsored.mandate.to_cbor())));
    }
    Ok(CreditOutcome::Records(found))
}

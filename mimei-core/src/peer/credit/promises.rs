//! What the side that serves signs: lines, receipts, its price list.

use alloc::rc::Rc;

use super::creditor::account_of;
use super::news::News;
use super::rows;
use super::{Ledger, Terms, own_user, sign, signer};
use crate::cbor::Cbor;
use crate::cid::UserId;
use crate::credit::{DAY_MS, Line, Prices, Reason, Receipt, Unit};
use crate::limits::AUTHOR_BYTES_MAX;
use crate::peer::Shared;
use crate::peer::serve::store_refusal;
use crate::sign::Signed;
use crate::store::{Batch, StoreError};
use crate::time::Millis;
use crate::wire::{Message, Nothing, Refusal, RefusalCode};

/// The account of somebody, with the line that whoever comes gets, if there is one.
pub(super) async fn lined(shared: &Shared, debtor: UserId) -> Result<Rc<Ledger>, Refusal> {
    let ledger = account_of(shared, debtor).await?;
    let has_line = ledger.account().line().is_some();
    let Some(terms) = shared.policy.welcome.filter(|_| !has_line) else { return Ok(ledger) };
    let _lock = ledger.for_change(shared).await.map_err(store_refusal)?;
    if ledger.account().line().is_none() {
        give_line(shared, &ledger, terms, None, Batch::default()).await.map_err(store_refusal)?;
    }
    drop(_lock);
    Ok(ledger)
}

/// Signs and keeps a line. The caller holds the ledger's lock.
pub(super) async fn give_line(
    shared: &Shared,
    ledger: &Ledger,
    terms: Terms,
    label: Option<&str>,
    batch: Batch,
) -> Result<(), StoreError> {
    let prices = prices(shared).await?.body.version;
    let serial = ledger.account().line().map_or(0, |line| line.body.serial) + 1;
    let Terms { limit, space, until, renews } = terms;
    let by = signer(shared);
    let debtor = ledger.sides.debtor;
    let line = sign(shared, Line { by, unit: Unit::Byte, limit, space, until, debtor, prices, renews, serial }).await;
    let mut row = ledger.row_or_new(shared);
    if let Some(label) = label.filter(|label| !label.is_empty()) {
        row.label = label.into();
    }
    News { line: Some(line), ..News::default() }.keep(shared, ledger, row, batch).await
}

/// Signs and keeps a receipt. The caller holds the ledger's lock.
pub(super) async fn give_receipt(
    shared: &Shared,
    ledger: &Ledger,
    amount: u64,
    reason: Reason,
    renewed: Option<Millis>,
) -> Result<(), StoreError> {
    let (serial, total) =
        ledger.account().receipt().map_or((0, 0), |receipt| (receipt.body.serial, receipt.body.total));
    let receipt = Receipt {
        by: signer(shared),
        time: shared.effects.now(),
        unit: Unit::Byte,
        total: total.saturating_add(amount),
        amount,
        debtor: ledger.sides.debtor,
        reason,
        serial: serial + 1,
    };
    let receipt = sign(shared, receipt).await;
    let mut row = ledger.row_or_new(shared);
    row.renewed = renewed.unwrap_or(row.renewed);
    News { receipt: Some(receipt), ..News::default() }.keep(shared, ledger, row, Batch::default()).await
}

/// Settles what a line that renews settles by itself. The caller holds the ledger's lock.
pub(super) async fn renew(shared: &Shared, ledger: &Ledger) -> Result<(), StoreError> {
    let renews = ledger.account().line().and_then(|line| line.body.renews).filter(|renews| renews.days > 0);
    let (Some(renews), Some(row)) = (renews, ledger.row.borrow().clone()) else { return Ok(()) };
    let now = shared.effects.now();
    let period = renews.days.saturating_mul(DAY_MS);
    let periods = now.0.saturating_sub(row.renewed.0) / period;
    let numbers = ledger.account().numbers(now);
    let amount = numbers.signed.saturating_sub(numbers.settled).min(renews.amount);
    if periods == 0 || amount == 0 {
        return Ok(());
    }
    let renewed = row.renewed + periods.saturating_mul(period);
    give_receipt(shared, ledger, amount, Reason::Allowance, Some(renewed)).await
}

/// This peer's price list, signed anew when what it asks has changed.
pub(super) async fn prices(shared: &Shared) -> Result<Signed<Prices>, StoreError> {
    if let Some(prices) = shared.accounts.prices.borrow().as_ref() {
        return Ok(prices.clone());
    }
    let _lock = shared.accounts.lock.hold(&shared.effects.schedule).await;
    let own = own_user(shared);
    let known = rows::prices(shared, &own).await?;
    let prices = match known {
        Some(prices) if prices.body.traffic == shared.policy.traffic => prices,
        known => {
            let version = known.map_or(0, |prices| prices.body.version) + 1;
            let body = Prices { by: signer(shared), traffic: shared.policy.traffic, version };
            let prices = sign(shared, body).await;
            let put = [(rows::prices_key(&own), prices.to_cbor())].into();
            shared.effects.apply(Batch { put, strict: true, ..Batch::default() }).await?;
            prices
        }
    };
    *shared.accounts.prices.borrow_mut() = Some(prices.clone());
    Ok(prices)
}

/// Tells the debtor that the account changed.
pub(super) fn tell(shared: &Shared, debtor: &UserId) {
    for connection in shared.connections.borrow().values() {
        if !connection.is_dialled() && connection.remote().is_some_and(|remote| remote.user == *debtor) {
            connection.send_message(&shared.effects, Message::Account(Nothing {}));
        }
    }
}

/// How many bytes of blocks are kept for an author.
pub(in crate::peer) async fn space_of(shared: &Shared, author: UserId) -> Result<u64, Refusal> {
    if author == own_user(shared) {
        return Ok(AUTHOR_BYTES_MAX);
    }
    let ledger = lined(shared, author).await?;
    let space = ledger.account().stands(shared.effects.now()).map(|line| line.space);
    Ok(space.unwrap_or(0))
}

/// Whether a new MiMei of an author is kept here.
pub(in crate::peer) async fn has_room_for(shared: &Shared, author: UserId) -> Result<(), Refusal> {
    if space_of(shared, author).await? > 0 {
        return Ok(());
    }
    let why = "this relay keeps nothing for you; ask its owner for an invite";
    Err(Refusal::new(RefusalCode::Unpaid, why))
}

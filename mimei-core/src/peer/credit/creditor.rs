//! The side that serves: what it counts, what it takes, what it answers.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::news::News;
use super::rows::{self, InviteRow};
use super::{Ledger, Terms, ledger, own_user, sign, signer};
use crate::cbor::Cbor;
use crate::cid::UserId;
use crate::credit::{
    CreditError, DAY_MS, InviteKeyUse, Line, Pool, Prices, Reason, Receipt, Stop, Unit, UseOfLink, What,
};
use crate::identity::IdentityLog;
use crate::limits::AUTHOR_BYTES_MAX;
use crate::peer::connection::{Connection, Remote};
use crate::peer::items::{self, Item};
use crate::peer::serve::store_refusal;
use crate::peer::{Shared, logs};
use crate::sign::{Domain, Signed};
use crate::store::{Batch, StoreError};
use crate::time::Millis;
use crate::wire::{
    AcceptAsk, CreditAsk, MandateAsk, MandateUse, Message, Nothing, PayAsk, Payer, Refusal, RefusalCode, Statement,
};

/// What is counted before it reaches the store, in units of credit: what a crash may cost.
const UNSAVED_MAX: u64 = 1 << 20;

/// The account of somebody with this peer.
async fn account_of(shared: &Shared, debtor: UserId) -> Result<Rc<Ledger>, Refusal> {
    ledger(shared, own_user(shared), debtor).await.map_err(store_refusal)
}

fn remote(connection: &Connection) -> Result<Remote, Refusal> {
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

fn stopped(stop: Stop) -> Refusal {
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

/// What was counted for a block that may yet not be served.
pub(in crate::peer) struct Charge {
    taken: Option<(Rc<Ledger>, Paid, u64)>,
}

enum Paid {
    Lane(crate::sign::SignKey),
    Mandate(What),
}

impl Charge {
    /// The block was not served: it is not counted.
    pub(in crate::peer) fn take_back(self) {
        let Some((ledger, paid, amount)) = self.taken else { return };
        let mut account = ledger.account_mut();
        match paid {
            Paid::Lane(device) => {
                let served = account.lane(&device).served.saturating_sub(amount);
                account.set_served(device, served);
            }
            Paid::Mandate(what) => {
                if let Some(sponsored) = account.sponsored().get(&what) {
                    let (used, day, today) = (sponsored.used, sponsored.day, sponsored.today);
                    account.set_sponsored(&what, used.saturating_sub(amount), day, today.saturating_sub(amount));
                }
            }
        }
    }
}

/// Counts a block for whoever pays for it, or says why nobody does.
pub(in crate::peer) async fn charge(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
    payer: Payer,
    is_read: bool,
    bytes: u64,
) -> Result<Charge, Refusal> {
    let remote = remote(connection)?;
    let amount = shared.policy.traffic.of(bytes);
    let own = own_user(shared);
    if remote.user == own {
        return Ok(Charge { taken: None });
    }
    match payer {
        Payer::Asker => {
            let ledger = lined(shared, remote.user).await?;
            ledger.account().may_serve(&remote.device, amount, shared.effects.now()).map_err(stopped)?;
            ledger.account_mut().serve(remote.device, amount);
            counted(shared, &ledger, amount);
            Ok(Charge { taken: Some((ledger, Paid::Lane(remote.device), amount)) })
        }
        Payer::Sponsor => sponsored(shared, connection, item, is_read, amount).await,
    }
}

async fn sponsored(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
    is_read: bool,
    amount: u64,
) -> Result<Charge, Refusal> {
    let author = item.state().genesis.author;
    if author == own_user(shared) {
        return Ok(Charge { taken: None });
    }
    let ledger = lined(shared, author).await?;
    let now = shared.effects.now();
    let mut why = Stop::NoMandate;
    for what in mandates_for(connection, item) {
        let may = ledger.account().may_sponsor(&what, amount, now);
        match may {
            Ok(()) => {
                ledger.account_mut().sponsor(&what, amount, now);
                counted(shared, &ledger, amount);
                return Ok(Charge { taken: Some((ledger, Paid::Mandate(what), amount)) });
            }
            Err(Stop::NoMandate) => {}
            Err(stop) => why = stop,
        }
    }
    if is_read && drain_pool(shared, amount).await.map_err(store_refusal)? {
        return Ok(Charge { taken: None });
    }
    // It is not the asker who can do something about it.
    Err(Refusal::new(RefusalCode::Unpaid, alloc::format!("{why}")))
}

fn mandates_for(connection: &Connection, item: &Item) -> Vec<What> {
    let entered = connection.entered.borrow();
    let links = entered.iter().filter(|(mimei, _)| *mimei == item.id);
    let links = links.map(|(mimei, link)| What::Link(UseOfLink { link: *link, mimei: *mimei }));
    links.chain([What::Mimei(item.id)]).collect()
}

/// Serves somebody unnamed from the strangers' pool, or under the author's mandate for everyone.
pub(in crate::peer) async fn charge_visitor(shared: &Shared, item: &Item, bytes: u64) -> Result<(), Refusal> {
    let author = item.state().genesis.author;
    if author == own_user(shared) {
        return Ok(());
    }
    let amount = shared.policy.traffic.of(bytes);
    let ledger = lined(shared, author).await?;
    let (what, now) = (What::Mimei(item.id), shared.effects.now());
    let may = ledger.account().may_sponsor(&what, amount, now);
    match may {
        Ok(()) => {
            ledger.account_mut().sponsor(&what, amount, now);
            counted(shared, &ledger, amount);
            Ok(())
        }
        Err(_) if drain_pool(shared, amount).await.map_err(store_refusal)? => Ok(()),
        Err(stop) => Err(Refusal::new(RefusalCode::Unpaid, alloc::format!("{stop}"))),
    }
}

/// Brings counts to the store when enough have come together.
fn counted(shared: &Shared, ledger: &Rc<Ledger>, amount: u64) {
    let before = ledger.unsaved.get();
    ledger.unsaved.set(before.saturating_add(amount));
    if before < UNSAVED_MAX && ledger.unsaved.get() >= UNSAVED_MAX {
        save_soon(shared, ledger);
    }
}

fn save_soon(shared: &Shared, ledger: &Rc<Ledger>) {
    let (task_shared, ledger) = (shared.to_rc(), ledger.clone());
    shared.effects.schedule.spawn(async move {
        let Ok(_lock) = ledger.for_change(&task_shared).await else { return };
        let row = ledger.row_or_new(&task_shared);
        // What is not saved is counted again from the store: the loss is this side's own.
        let _ = ledger.keep(&task_shared, row, Batch::default()).await;
    });
}

/// Brings the counts of a session that ended to the store.
pub(in crate::peer) fn flush(shared: &Shared) {
    let open: Vec<_> = shared.accounts.open.borrow().values().filter(|l| l.unsaved.get() > 0).cloned().collect();
    for ledger in open {
        save_soon(shared, &ledger);
    }
    if shared.accounts.pool_unsaved.get() > 0 {
        let task_shared = shared.to_rc();
        shared.effects.schedule.spawn(async move {
            let _lock = task_shared.accounts.lock.hold(&task_shared.effects.schedule).await;
            // What is not saved is lost to this side only.
            let _ = save_pool(&task_shared).await;
        });
    }
}

/// Brings the level of the pool to the store. The caller holds the lock.
async fn save_pool(shared: &Shared) -> Result<(), StoreError> {
    let Some(pool) = shared.accounts.pool.get() else { return Ok(()) };
    let put = [(rows::pool_key(), pool.to_cbor())].into();
    shared.effects.apply(Batch { put, ..Batch::default() }).await?;
    shared.accounts.pool_unsaved.set(0);
    Ok(())
}

async fn drain_pool(shared: &Shared, amount: u64) -> Result<bool, StoreError> {
    let _lock = shared.accounts.lock.hold(&shared.effects.schedule).await;
    let mut pool = match shared.accounts.pool.get() {
        Some(pool) => pool,
        None => rows::read(shared, rows::pool_key()).await?.unwrap_or_default(),
    };
    let now = shared.effects.now();
    let is_served = Pool::drain(&mut pool, amount, shared.policy.strangers, now);
    shared.accounts.pool.set(Some(pool));
    let unsaved = shared.accounts.pool_unsaved.get().saturating_add(if is_served { amount } else { 0 });
    shared.accounts.pool_unsaved.set(unsaved);
    if unsaved >= UNSAVED_MAX {
        save_pool(shared).await?;
    }
    Ok(is_served)
}

/// The account of somebody, with the line that whoever comes gets, if there is one.
async fn lined(shared: &Shared, debtor: UserId) -> Result<Rc<Ledger>, Refusal> {
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
async fn renew(shared: &Shared, ledger: &Ledger) -> Result<(), StoreError> {
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
async fn prices(shared: &Shared) -> Result<Signed<Prices>, StoreError> {
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
    let news = News { line, receipt, ious: iou.into_iter().collect(), mandates: Vec::new() };
    if !news.is_empty() {
        let logs = both_logs(shared, &remote.user).await.map_err(store_refusal)?;
        let news = news.newer(&ledger.account(), &logs).map_err(refused)?;
        if !news.is_empty() {
            let row = ledger.row_or_new(shared);
            news.keep(shared, &ledger, row, Batch::default()).await.map_err(store_refusal)?;
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

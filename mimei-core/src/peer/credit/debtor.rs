//! The side that is served: what it knows of its account, what it signs for others.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::creditor::both_logs;
use super::news::News;
use super::pay::{say_stop, sign_and_pay};
use super::{CreditOutcome, Ledger, ledger, own_user, sign, signer, view};
use crate::cbor::Cbor;
use crate::cid::{MimeiId, UserId};
use crate::credit::{Account, DAY_MS, InviteSecret, Mandate, Prices, Stop, TAIL_BYTES_MAX, Unit, UseOfLink, What};
use crate::mimei::{Right, Who};
use crate::peer::connection::Connection;
use crate::peer::items::{self, Fault, Item};
use crate::peer::{CommandError, ConnectionId, Event, Shared, calls};
use crate::store::Batch;
use crate::time::Millis;
use crate::wire::{AcceptAsk, Answer, Ask, CreditAsk, MandateAsk, MandateUse, Refusal, RefusalCode, Statement};

/// Milliseconds until an account is asked for again, doubled each time.
const ASK_AGAIN_MS_MIN: u64 = 1_000;
/// Never longer than this: somebody waits.
const ASK_AGAIN_MS_MAX: u64 = 60_000;

/// The part of what is available that a new share may cost in all: a sixteenth.
const SHARE_PARTS: u64 = 16;
/// The part of that for one day: half.
const SHARE_DAYS: u64 = 2;

/// The bounds of a mandate.
#[derive(Clone, Copy)]
pub(super) struct Caps {
    pub(super) day: u64,
    pub(super) total: u64,
    pub(super) until: Option<Millis>,
}

pub(super) fn disputed() -> Fault {
    let why = "the relay counts more than this device had from it; nothing more is signed. Ask its owner";
    Fault::rule("credit.disputed", why)
}

/// A session with a relay has opened: the account first. Says whether it is known.
pub(in crate::peer) async fn met(shared: &Shared, connection: &Connection) -> bool {
    ready(shared, connection).await.is_ok()
}

/// Tries again until the account is known or the session has ended.
pub(in crate::peer) async fn keep_asking(shared: &Shared, connection: &Connection) {
    let mut pause_ms = ASK_AGAIN_MS_MIN;
    while connection.remote().is_some() {
        let again = shared.effects.now() + pause_ms;
        shared.effects.before(again, connection.until_closed(&shared.effects)).await;
        if connection.remote().is_none() || ready(shared, connection).await.is_ok() {
            return;
        }
        pause_ms = (pause_ms * 2).min(ASK_AGAIN_MS_MAX);
    }
}

/// The relay says that the account has changed.
pub(in crate::peer) fn told(shared: &Shared, connection: &Connection) {
    let Some(remote) = connection.remote().filter(|_| connection.is_dialled()) else { return };
    let Some((task_shared, connection)) = shared.for_task(connection) else { return };
    shared.effects.schedule.spawn(async move {
        let Ok(ledger) = ledger(&task_shared, remote.user, own_user(&task_shared)).await else { return };
        ledger.talk.told_in.set(None);
        if ready(&task_shared, &connection).await.is_err() {
            keep_asking(&task_shared, &connection).await;
        }
        items::met(&task_shared, &connection);
    });
}

/// The account with a relay, as the relay said it in this session.
pub(super) async fn ready(shared: &Shared, connection: &Connection) -> Result<Rc<Ledger>, Fault> {
    let creditor = connection.remote().ok_or(CommandError::NotConnected)?.user;
    let ledger = ledger(shared, creditor, own_user(shared)).await?;
    let _turn = ledger.talk.asking.hold(&shared.effects.schedule).await;
    if ledger.talk.told_in.get() == Some(connection.id) {
        drop(_turn);
        return Ok(ledger);
    }
    let ask = {
        let account = ledger.account();
        let iou = account.lane(&shared.device).iou;
        CreditAsk { iou, line: account.line().cloned(), receipt: account.receipt().cloned() }
    };
    // Before the answer: news that arrive meanwhile are asked for again.
    ledger.talk.told_in.set(Some(connection.id));
    let told = match calls::ask(shared, connection, Ask::Credit(alloc::boxed::Box::new(ask))).await {
        Ok(Answer::Credit(statement)) => take(shared, &ledger, *statement).await,
        Ok(_) => Err(CommandError::WrongAnswer.into()),
        Err(error) => Err(error.into()),
    };
    if told.is_err() {
        ledger.talk.told_in.set(None);
    }
    told?;
    drop(_turn);
    fold(shared, connection, &ledger).await;
    Ok(ledger)
}

/// Signs for what was sponsored while nobody was here, and brings mandates that the creditor lacks.
async fn fold(shared: &Shared, connection: &Connection, ledger: &Rc<Ledger>) {
    for what in ledger.talk.lacking.take() {
        // One that is refused stays here, and is brought again in the next session.
        let _ = send_mandate(shared, connection, ledger, &what).await;
    }
    let owed = ledger.account().numbers(shared.effects.now()).owed;
    if owed > 0 {
        // It stays owed otherwise, and is tried with the next signature.
        let _ = sign_and_pay(shared, connection, ledger).await;
    }
}

/// Believes what verifies of a statement.
async fn take(shared: &Shared, ledger: &Ledger, statement: Statement) -> Result<(), Fault> {
    let Statement { ious, line, prices, served, stored, receipt, mandates } = statement;
    let lock = ledger.for_change(shared).await?;
    let logs = both_logs(shared, &ledger.sides.creditor).await?;
    Prices::check(&prices, &ledger.sides.creditor, &logs).map_err(Fault::verify)?;
    let acknowledged = ious.iter().find(|iou| iou.body.by.device == shared.device).map_or(0, |iou| iou.body.total);
    let signed = mandates.iter().map(|mandate| mandate.mandate.clone()).collect();
    let news = News { line, receipt, ious, mandates: signed };
    let news = news.newer(&ledger.account(), &logs).map_err(Fault::verify)?;
    let now = shared.effects.now();
    let before = ledger.account().numbers(now);
    let brings_news = !news.is_empty();
    let known_stored = ledger.row.borrow().as_ref().map_or(0, |row| row.stored);
    let row = super::AccountRow { stored, ..ledger.row_or_new(shared) };
    let is_new_row = ledger.row.borrow().as_ref() != Some(&row);
    if brings_news || (is_new_row && ledger.account().line().is_some()) {
        news.keep(shared, ledger, row, Batch::default()).await?;
    }
    *ledger.talk.lacking.borrow_mut() = lacking(&ledger.account(), &mandates);
    {
        let mut account = ledger.account_mut();
        let day = now.0 / DAY_MS;
        for MandateUse { used, today, mandate } in mandates {
            account.set_sponsored(&mandate.body.what, used, day, today);
        }
        ledger.talk.is_disputed.set(!takes(&mut account, shared, served));
    }
    drop(lock);
    let is_otherwise = stored != ledger.talk.stored.replace(0).saturating_add(known_stored);
    ledger.talk.prices.set(Some(prices.body.traffic));
    ledger.talk.acknowledged.set(acknowledged);
    if ledger.talk.is_disputed.get() {
        say_stop(shared, ledger, alloc::format!("{}", disputed()));
    } else if brings_news || is_otherwise || ledger.account().numbers(now) != before {
        // Whatever it was that kept work from going on, it may be over.
        ledger.talk.stop.take();
        shared.effects.event(Event::CreditChanged);
    }
    Ok(())
}

/// What is paid for by mandates that are newer than those of a statement, or not in it: a relay may have lost them.
fn lacking(account: &Account, told: &[MandateUse]) -> Vec<What> {
    let is_known = |mandate: &Mandate| {
        told.iter().any(|told| told.mandate.body.what == mandate.what && told.mandate.body.serial >= mandate.serial)
    };
    let newest = account.sponsored().iter();
    newest.filter(|(_, sponsored)| !is_known(&sponsored.mandate.body)).map(|(what, _)| *what).collect()
}

/// Takes over the creditor's count of what this device was served, if signatures of this device cover it.
fn takes(account: &mut Account, shared: &Shared, served: u64) -> bool {
    let lane = account.lane(&shared.device);
    let is_covered = served.saturating_add(lane.folded()) <= lane.total().saturating_add(TAIL_BYTES_MAX);
    if is_covered {
        account.set_served(shared.device, served);
    }
    is_covered
}

/// Uses an invite.
pub(super) async fn accept(
    shared: &Shared,
    relay: ConnectionId,
    secret: &InviteSecret,
) -> Result<CreditOutcome, Fault> {
    let connection = calls::connected(shared, relay)?;
    let ledger = ready(shared, &connection).await?;
    let session = connection.session_hash().ok_or(CommandError::NotConnected)?;
    let ask = AcceptAsk { sig: secret.accept(session), invite: secret.key() };
    let statement = match calls::ask(shared, &connection, Ask::Accept(ask)).await {
        Ok(Answer::Credit(statement)) => statement,
        Ok(_) => return Err(CommandError::WrongAnswer.into()),
        Err(CommandError::Refused(Refusal { code: RefusalCode::Conflict, message })) => {
            return Err(Fault::rule("invite.used", message));
        }
        Err(CommandError::Refused(Refusal { code: RefusalCode::NotFound, message })) => {
            return Err(Fault::rule("invite.unknown", message));
        }
        Err(error) => return Err(error.into()),
    };
    {
        let _turn = ledger.talk.asking.hold(&shared.effects.schedule).await;
        take(shared, &ledger, *statement).await?;
    }
    // What waited for a line goes on.
    items::met(&shared.to_rc(), &connection);
    view::outcome(shared, &ledger).await
}

/// Signs a mandate, keeps it, and sends it if its creditor is there.
pub(super) async fn sponsor(shared: &Shared, creditor: UserId, what: What, caps: Caps) -> Result<CreditOutcome, Fault> {
    let ledger = ledger(shared, creditor, own_user(shared)).await?;
    if ledger.account().line().is_none() {
        return Err(Fault::rule("credit.none", Stop::NoLine));
    }
    sign_mandate(shared, &ledger, what, caps).await?;
    let connection = items::relays(shared).into_iter().find(|c| c.remote().is_some_and(|r| r.user == creditor));
    if let Some(connection) = connection {
        send_mandate(shared, &connection, &ledger, &what).await?;
    }
    Ok(CreditOutcome::Done)
}

async fn sign_mandate(shared: &Shared, ledger: &Ledger, what: What, caps: Caps) -> Result<(), Fault> {
    let _lock = ledger.for_change(shared).await?;
    let known = ledger.account().sponsored().get(&what).cloned();
    let body = Mandate {
        by: signer(shared),
        day: caps.day,
        unit: Unit::Byte,
        what,
        total: caps.total.max(known.as_ref().map_or(0, |known| known.used)),
        until: caps.until,
        serial: known.as_ref().map_or(0, |known| known.mandate.body.serial) + 1,
        creditor: ledger.sides.creditor,
    };
    ledger.account().may_mandate(&body, shared.effects.now()).map_err(|stop| Fault::rule("credit.paused", stop))?;
    let mandate = sign(shared, body).await;
    let expect = [(ledger.sides.mandate(&what), known.map(|known| known.mandate.to_cbor()))].into();
    let row = ledger.row_or_new(shared);
    let news = News { mandates: [mandate].into(), ..News::default() };
    Ok(news.keep(shared, ledger, row, Batch { expect, ..Batch::default() }).await?)
}

async fn send_mandate(shared: &Shared, connection: &Connection, ledger: &Ledger, what: &What) -> Result<(), Fault> {
    let mandate = ledger.account().sponsored().get(what).map(|sponsored| sponsored.mandate.clone());
    if let Some(mandate) = mandate {
        calls::ask(shared, connection, Ask::Mandate(alloc::boxed::Box::new(MandateAsk { mandate }))).await?;
    }
    Ok(())
}

/// Pays for the readers of what this user shared, at this relay, unless they said otherwise: a share without a mandate
/// gets one, a mandate without its share ends.
pub(in crate::peer) async fn sponsor_shares(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
) -> Result<(), Fault> {
    if item.state().genesis.author != own_user(shared) {
        return Ok(());
    }
    let ledger = ready(shared, connection).await?;
    let now = shared.effects.now();
    if ledger.account().stands(now).is_err() {
        return Ok(());
    }
    let shares = shares_of(item);
    for what in &shares {
        if ledger.account().sponsored().contains_key(what) {
            continue;
        }
        let total = ledger.account().numbers(now).available() / SHARE_PARTS;
        sign_mandate(shared, &ledger, *what, Caps { day: total / SHARE_DAYS, total, until: None }).await?;
        send_mandate(shared, connection, &ledger, what).await?;
    }
    let over: Vec<What> = {
        let account = ledger.account();
        let mandates = account.sponsored().iter();
        let of_item = mandates.filter(|(what, _)| mimei_of(what) == item.id && !shares.contains(what));
        of_item.filter(|(_, sponsored)| !sponsored.has_ended(now)).map(|(what, _)| *what).collect()
    };
    for what in over {
        sign_mandate(shared, &ledger, what, Caps { day: 0, total: 0, until: Some(now) }).await?;
        send_mandate(shared, connection, &ledger, &what).await?;
    }
    Ok(())
}

fn shares_of(item: &Item) -> Vec<What> {
    let state = item.state();
    let reads = state.view.audiences().iter().filter(|audience| audience.rights.has(Right::Read));
    let whats = reads.filter_map(|audience| match audience.who {
        Who::Link(keys) => Some(What::Link(UseOfLink { link: keys.sign, mimei: item.id })),
        Who::Everyone(_) => Some(What::Mimei(item.id)),
        Who::User(_) => None,
    });
    whats.collect()
}

fn mimei_of(what: &What) -> MimeiId {
    match what {
        What::Link(link) => link.mimei,
        What::Mimei(mimei) => *mimei,
    }
}

//! The side that is served: each block is covered by a signature before it is asked for.
//!
//! ```text
//! cover    is there a line, is there room?  ── no ──▶ credit.none, credit.paused
//!          is what was signed enough?       ── no ──▶ sign more, wait for the relay
//!          is less than half of what was signed ahead left? ──▶ sign more beside it
//! ask      the block
//! count    what came or went
//! ```

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::debtor::{self, disputed};
use super::news::News;
use super::{Ledger, ledger, own_user, sign, signer};
use crate::cbor::Cbor;
use crate::credit::{Iou, Lane, Ratio, Stop, Unit, What};
use crate::mimei::{Right, Who};
use crate::peer::connection::Connection;
use crate::peer::items::{Fault, Item};
use crate::peer::task::Lock;
use crate::peer::{CommandError, ConnectionId, Event, Shared, calls};
use crate::sign::Signed;
use crate::store::{Batch, StoreError};
use crate::wire::{Ask, PayAsk, Payer, Refusal, RefusalCode};

/// What a block is taken to cost before it is there: a sealed piece.
const ESTIMATE: u64 = (256 << 10) + 256;

/// Blocks that may be refused one after the other before it is believed.
const REFUSED_MAX: u32 = 32;

/// What a debtor keeps in mind of its creditor.
#[derive(Default)]
pub(super) struct Talk {
    /// In which session it was told what the creditor has.
    pub(super) told_in: Cell<Option<ConnectionId>>,
    /// Held while a statement is asked for.
    pub(super) asking: Lock,
    /// What the creditor has acknowledged in signatures of this device.
    pub(super) acknowledged: Cell<u64>,
    /// What was asked for and is not there yet, as estimated.
    underway: Cell<u64>,
    /// Held while this device signs and pays.
    paying: Lock,
    is_paying: Cell<bool>,
    /// Mandates that the creditor lacked when it was asked last.
    pub(super) lacking: RefCell<Vec<What>>,
    /// What the creditor asks for its work.
    pub(super) prices: Cell<Option<Ratio>>,
    /// Bytes of blocks that the creditor took since it last said what it keeps.
    pub(super) stored: Cell<u64>,
    /// Blocks that were refused one after the other although there seemed to be room.
    refused: Cell<u32>,
    /// Why nothing goes on.
    pub(super) stop: RefCell<Option<String>>,
    /// Whether the creditor counts more than this device can have had.
    pub(super) is_disputed: Cell<bool>,
}

/// A block that was covered and is on its way.
pub(in crate::peer) struct Spend {
    ledger: Option<Rc<Ledger>>,
    device: crate::sign::SignKey,
}

impl Spend {
    /// Nobody here pays.
    fn none(shared: &Shared) -> Self {
        Self { ledger: None, device: shared.device }
    }

    /// The block came, or was taken: so many bytes.
    pub(in crate::peer) fn done(self, shared: &Shared, bytes: u64) {
        if let Some(ledger) = &self.ledger {
            let amount = ledger.talk.prices.get().unwrap_or(Ratio::ONE).of(bytes);
            ledger.account_mut().serve(self.device, amount);
            ledger.talk.refused.set(0);
            if ledger.talk.stop.take().is_some() {
                shared.effects.event(Event::CreditChanged);
            }
        }
    }

    /// A block of one's own was taken and lies there now.
    pub(in crate::peer) fn stored(self, shared: &Shared, bytes: u64) {
        if let Some(ledger) = &self.ledger {
            ledger.talk.stored.set(ledger.talk.stored.get().saturating_add(bytes));
        }
        self.done(shared, bytes);
    }
}

impl Drop for Spend {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            ledger.talk.underway.set(ledger.talk.underway.get().saturating_sub(ESTIMATE));
        }
    }
}

/// Who is to pay for blocks of a MiMei: whoever shared it with those that came by a link, until they do not.
pub(in crate::peer) fn payer(shared: &Shared, connection: &Connection, item: &Item, right: Right) -> Payer {
    let own = own_user(shared);
    let state = item.state();
    let is_named = state.genesis.author == own
        || state.view.audiences().iter().any(|audience| audience.who == Who::User(own) && audience.rights.has(right));
    let is_own = is_named || connection.pays_for.borrow().contains(&item.id);
    if is_own { Payer::Asker } else { Payer::Sponsor }
}

/// Makes sure that the creditor has a signature for one more block.
pub(in crate::peer) async fn cover(shared: &Shared, connection: &Connection, payer: Payer) -> Result<Spend, Fault> {
    let creditor = connection.remote().ok_or(CommandError::NotConnected)?.user;
    if payer == Payer::Sponsor || creditor == own_user(shared) {
        return Ok(Spend::none(shared));
    }
    let ledger = debtor::ready(shared, connection).await?;
    if ledger.talk.is_disputed.get() {
        return Err(disputed());
    }
    let now = shared.effects.now();
    let stop = ledger.account().may_serve(&shared.device, 1, now).err();
    // That the line has ended is for the creditor's clock to say.
    if let Some(stop @ (Stop::NoLine | Stop::Limit(_))) = stop {
        return Err(paused(shared, &ledger, stop));
    }
    ledger.talk.underway.set(ledger.talk.underway.get().saturating_add(ESTIMATE));
    let spend = Spend { ledger: Some(ledger.clone()), device: shared.device };
    let left = left(shared, &ledger);
    if left < 0 {
        sign_and_pay(shared, connection, &ledger).await?;
    } else if left < i128::from(ledger.account().window() / 2) && !ledger.talk.is_paying.replace(true) {
        let (task_shared, connection) = shared.for_task(connection).ok_or(CommandError::NotConnected)?;
        shared.effects.schedule.spawn(async move {
            // If it fails, the next block waits for it and says why.
            let _ = sign_and_pay(&task_shared, &connection, &ledger).await;
            ledger.talk.is_paying.set(false);
        });
    }
    Ok(spend)
}

/// What the creditor may still serve for what it acknowledged, less what is under way.
fn left(shared: &Shared, ledger: &Ledger) -> i128 {
    let lane: Lane = ledger.account().lane(&shared.device);
    i128::from(ledger.talk.acknowledged.get())
        - i128::from(lane.folded())
        - i128::from(lane.served)
        - i128::from(ledger.talk.underway.get())
}

/// Notes why nothing goes on, and says it.
fn paused(shared: &Shared, ledger: &Ledger, stop: Stop) -> Fault {
    say_stop(shared, ledger, stop.to_string());
    let code = if stop == Stop::NoLine { "credit.none" } else { "credit.paused" };
    Fault::rule(code, stop)
}

pub(super) fn say_stop(shared: &Shared, ledger: &Ledger, why: String) {
    let known = ledger.talk.stop.replace(Some(why.clone()));
    if known != Some(why) {
        shared.effects.event(Event::CreditChanged);
    }
}

/// What to do about a block that was refused: an error, or none if it may be asked for again with the next payer.
pub(in crate::peer) async fn refused(
    shared: &Shared,
    connection: &Connection,
    item: &Item,
    payer: Payer,
    refusal: Refusal,
) -> Result<(), Fault> {
    let Refusal { code, message } = refusal.clone();
    let creditor = connection.remote().ok_or(CommandError::NotConnected)?.user;
    match (payer, code) {
        (Payer::Sponsor, RefusalCode::Unpaid) => {
            let ledger = debtor::ready(shared, connection).await?;
            if ledger.account().line().is_none() {
                return Err(Fault::rule("credit.none", message));
            }
            connection.pays_for.borrow_mut().insert(item.id);
            Ok(())
        }
        (Payer::Asker, RefusalCode::Unpaid | RefusalCode::Paused) => {
            let ledger = ledger(shared, creditor, own_user(shared)).await?;
            // It counts otherwise than this device: so it is asked, and its count taken if that is covered.
            ledger.talk.told_in.set(None);
            debtor::ready(shared, connection).await?;
            let has_room = ledger.account().may_serve(&shared.device, ESTIMATE, shared.effects.now());
            let tries = ledger.talk.refused.get() + 1;
            ledger.talk.refused.set(tries);
            if tries <= REFUSED_MAX && matches!(has_room, Ok(()) | Err(Stop::Unsigned)) {
                return Ok(());
            }
            say_stop(shared, &ledger, message.clone());
            let code = if code == RefusalCode::Unpaid { "credit.none" } else { "credit.paused" };
            Err(Fault::rule(code, message))
        }
        (Payer::Asker, RefusalCode::Full) => {
            let ledger = ledger(shared, creditor, own_user(shared)).await?;
            say_stop(shared, &ledger, message);
            Err(CommandError::Refused(refusal).into())
        }
        _ => Err(CommandError::Refused(refusal).into()),
    }
}

/// Signs for what was served and ahead of it, and waits until the creditor has it.
pub(super) async fn sign_and_pay(shared: &Shared, connection: &Connection, ledger: &Rc<Ledger>) -> Result<(), Fault> {
    let _turn = ledger.talk.paying.hold(&shared.effects.schedule).await;
    let ahead = ledger.account().window().saturating_add(ledger.talk.underway.get());
    // Somebody else's turn may have brought enough.
    if left(shared, ledger) >= i128::from(ledger.account().window() / 2) && owed(shared, ledger) == 0 {
        return Ok(());
    }
    let iou = match next_iou(shared, ledger, ahead).await? {
        Some(iou) => iou,
        // There is no more room; what was signed may not have arrived.
        None => match ledger.account().lane(&shared.device).iou {
            Some(iou) if iou.body.total > ledger.talk.acknowledged.get() => iou,
            _ => return Ok(()),
        },
    };
    let total = iou.body.total;
    match calls::ask(shared, connection, Ask::Pay(alloc::boxed::Box::new(PayAsk { iou }))).await {
        Ok(_) => {
            ledger.talk.acknowledged.set(ledger.talk.acknowledged.get().max(total));
            Ok(())
        }
        Err(error) => {
            ledger.talk.told_in.set(None);
            Err(error.into())
        }
    }
}

fn owed(shared: &Shared, ledger: &Ledger) -> u64 {
    ledger.account().numbers(shared.effects.now()).owed
}

/// Signs the next IOU of this device and keeps it, before anybody sees it.
async fn next_iou(shared: &Shared, ledger: &Ledger, ahead: u64) -> Result<Option<Signed<Iou>>, Fault> {
    for _ in 0..2 {
        let _lock = ledger.for_change(shared).await?;
        let now = shared.effects.now();
        let next = ledger.account().to_sign(&shared.device, ahead, now);
        let Some((total, folded)) = next else { return Ok(None) };
        let known = ledger.account().lane(&shared.device).iou;
        let serial = known.as_ref().map_or(0, |iou| iou.body.serial) + 1;
        let creditor = ledger.sides.creditor;
        let body = Iou { by: signer(shared), unit: Unit::Byte, total, folded, serial, creditor };
        let iou = sign(shared, body).await;
        // Another tab of this profile may have signed since.
        let expect = [(ledger.sides.iou(&shared.device), known.map(|iou| iou.to_cbor()))].into();
        let row = ledger.row_or_new(shared);
        let news = News { ious: [iou.clone()].into(), ..News::default() };
        match news.keep(shared, ledger, row, Batch { expect, ..Batch::default() }).await {
            Ok(()) => return Ok(Some(iou)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

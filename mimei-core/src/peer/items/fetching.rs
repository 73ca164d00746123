//! Blocks by HTTP, which is the faster way for many: by a ticket of the session, beside its connection.
//!
//! What comes is opened like any block. What does not come, is refused or is something else is asked for over the
//! connection, where a refusal says why and another payer is found; so this way never fails anybody.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::Item;
use super::blocks;
use super::fault::Fault;
use crate::cid::{Cid, MimeiId};
use crate::limits::{TICKET_BYTES_MAX, TICKETS_MAX};
use crate::map::OpenBlock;
use crate::mimei::{PIECE_BYTES, Right};
use crate::peer::connection::Connection;
use crate::peer::effects::FetchError;
use crate::peer::task::Lock;
use crate::peer::{Shared, calls, credit};
use crate::time::Millis;
use crate::wire::{Answer, Ask, Payer, TicketAsk, TicketSecret, read_fetched};

/// After a refusal: what is in the way is said and done over the connection meanwhile.
const REFUSED_MS: u64 = 1_000;
/// After no answer, or a wrong one: whatever stands between is not gone in a moment.
const FAILED_MS: u64 = 60_000;
/// A ticket is not used in the last part of its life: a request takes a while to arrive.
const MARGIN_MS: u64 = 10_000;
/// What a piece is at most, with its seal.
const SEALED_PIECE_BYTES_MAX: u64 = PIECE_BYTES as u64 + 1024;

/// The way by HTTP beside one connection.
#[derive(Default)]
pub(in crate::peer) struct Fetching {
    /// From when on it is tried; none if the driver knows no way.
    from: Cell<Option<Millis>>,
    tickets: RefCell<BTreeMap<(MimeiId, Payer), Held>>,
    /// Held while a ticket is asked for: the others take what comes.
    asking: Lock,
}

/// A ticket of ours.
struct Held {
    secret: TicketSecret,
    bytes_left: u64,
    until: Millis,
}

impl Fetching {
    /// The driver knows a way.
    pub(in crate::peer) fn allow(&self) {
        self.from.set(Some(Millis::default()));
    }

    fn is_open(&self, now: Millis) -> bool {
        self.from.get().is_some_and(|from| from <= now)
    }

    fn rest(&self, until: Millis) {
        self.from.set(self.from.get().max(Some(until)));
        // Whatever was wrong with them, others are asked for.
        self.tickets.borrow_mut().clear();
    }

    /// Takes so much of a ticket.
    fn take(&self, key: &(MimeiId, Payer), bytes: u64, now: Millis) -> Option<TicketSecret> {
        let mut tickets = self.tickets.borrow_mut();
        let held = tickets.get_mut(key).filter(|held| now < held.until)?;
        held.bytes_left = held.bytes_left.checked_sub(bytes)?;
        Some(held.secret.clone())
    }

    fn keep(&self, key: (MimeiId, Payer), held: Held) {
        let mut tickets = self.tickets.borrow_mut();
        if tickets.len() >= TICKETS_MAX {
            tickets.pop_first();
        }
        tickets.insert(key, held);
    }
}

/// A piece of a file: from here, else by HTTP if it is one of many and there is a way, else over the connection.
pub(super) async fn piece(shared: &Shared, item: &Item, cid: Cid, is_of_many: bool) -> Result<OpenBlock, Fault> {
    if let Some(bytes) = blocks::block(shared, &cid).await? {
        return Ok(shared.vault.borrow().open(&item.id, &cid, &bytes)?);
    }
    let connection = blocks::source(shared, item).await?;
    if is_of_many
        && connection.fetching.is_open(shared.effects.now())
        && let Some(block) = fetch(shared, item, &connection, cid).await?
    {
        return Ok(block);
    }
    blocks::ask(shared, item, &connection, cid).await
}

/// A block by HTTP; none if it is to be asked for over the connection.
async fn fetch(shared: &Shared, item: &Item, connection: &Connection, cid: Cid) -> Result<Option<OpenBlock>, Fault> {
    let payer = credit::payer(shared, connection, item, Right::Read);
    let Some(ticket) = ticket(shared, item, connection, payer).await else { return Ok(None) };
    let spend = credit::cover(shared, connection, payer).await?;
    let fetched = shared.effects.fetch(connection.id(), ticket, Vec::from([cid])).await;
    let rest_ms = match fetched {
        Ok(body) => {
            let bytes = read_fetched(1, &body).first().map(|block| block.to_vec());
            let opened =
                bytes.and_then(|bytes| Some((shared.vault.borrow().open(&item.id, &cid, &bytes).ok()?, bytes)));
            if let Some((opened, bytes)) = opened {
                spend.done(shared, bytes.len() as u64);
                blocks::cache(shared, cid, bytes).await;
                return Ok(Some(opened));
            }
            FAILED_MS
        }
        Err(FetchError::Refused) => REFUSED_MS,
        Err(FetchError::Failed) => FAILED_MS,
    };
    connection.fetching.rest(shared.effects.now() + rest_ms);
    Ok(None)
}

/// A ticket for one more piece; none if the relay gives none.
async fn ticket(shared: &Shared, item: &Item, connection: &Connection, payer: Payer) -> Option<TicketSecret> {
    let fetching = &connection.fetching;
    let key = (item.id, payer);
    let held = || fetching.take(&key, SEALED_PIECE_BYTES_MAX, shared.effects.now());
    if let Some(secret) = held() {
        return Some(secret);
    }
    let _turn = fetching.asking.hold(&shared.effects.schedule).await;
    if let Some(secret) = held() {
        return Some(secret);
    }
    // Somebody else's turn may have shown that there is none.
    if !fetching.is_open(shared.effects.now()) {
        return None;
    }
    let ask = Ask::Ticket(TicketAsk { bytes: TICKET_BYTES_MAX, mimei: item.id, payer });
    let asked = shared.effects.now();
    match calls::ask(shared, connection, ask).await {
        Ok(Answer::Ticket(answer)) => {
            let until = asked + answer.ms.saturating_sub(MARGIN_MS);
            fetching.keep(key, Held { secret: answer.secret, bytes_left: TICKET_BYTES_MAX, until });
        }
        _ => fetching.rest(shared.effects.now() + REFUSED_MS),
    }
    held()
}

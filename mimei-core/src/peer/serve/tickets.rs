//! Blocks by HTTP: a ticket stands for its session, and what is served for it is a `get` of that session.
//!
//! Nothing is reserved in the account: each block is judged and counted when it is served, as one on the connection
//! is. So a right that is taken back, a session that ends and a signature that lags count at once, in the middle of
//! a ticket. What a ticket is for in all bounds what a stolen one costs.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::mimei;
use crate::cid::{Cid, MimeiId};
use crate::limits::{TICKET_BYTES_MAX, TICKET_MS, TICKETS_MAX};
use crate::peer::connection::Connection;
use crate::peer::{ConnectionId, Shared, credit};
use crate::time::Millis;
use crate::wire::{Answer, GetAsk, Payer, Refusal, RefusalCode, TicketAnswer, TicketAsk, TicketSecret};

/// All tickets, and those of each session in the order in which they were given.
#[derive(Default)]
pub(crate) struct Tickets {
    given: Cell<u64>,
    by_hash: RefCell<BTreeMap<[u8; 32], Rc<Ticket>>>,
    by_session: RefCell<BTreeMap<ConnectionId, VecDeque<[u8; 32]>>>,
}

struct Ticket {
    session: ConnectionId,
    mimei: MimeiId,
    payer: Payer,
    bytes_left: Cell<u64>,
    until: Millis,
}

impl Tickets {
    fn keep(&self, hash: [u8; 32], ticket: Ticket) {
        let mut by_session = self.by_session.borrow_mut();
        let of_session = by_session.entry(ticket.session).or_default();
        let mut by_hash = self.by_hash.borrow_mut();
        if of_session.len() >= TICKETS_MAX
            && let Some(oldest) = of_session.pop_front()
        {
            by_hash.remove(&oldest);
        }
        of_session.push_back(hash);
        by_hash.insert(hash, Rc::new(ticket));
    }

    /// Those of a session end with it.
    pub(in crate::peer) fn end(&self, session: ConnectionId) {
        for hash in self.by_session.borrow_mut().remove(&session).unwrap_or_default() {
            self.by_hash.borrow_mut().remove(&hash);
        }
    }
}

impl Ticket {
    fn take(&self, bytes: u64) -> Result<(), Refusal> {
        let left = self.bytes_left.get().checked_sub(bytes);
        let used_up = || Refusal::new(RefusalCode::Full, "the ticket is used up; ask the session for another");
        self.bytes_left.set(left.ok_or_else(used_up)?);
        Ok(())
    }

    fn put_back(&self, bytes: u64) {
        self.bytes_left.set(self.bytes_left.get().saturating_add(bytes));
    }
}

/// Gives a ticket to whoever may read now.
pub(super) async fn give(shared: &Shared, connection: &Connection, ask: TicketAsk) -> Result<Answer, Refusal> {
    let TicketAsk { bytes, mimei, payer } = ask;
    mimei::readable(shared, connection, &mimei).await?;
    // A session that ended meanwhile has ended its tickets.
    if connection.remote().is_none() {
        return Err(unknown());
    }
    let number = shared.tickets.given.get();
    shared.tickets.given.set(number + 1);
    let secret = blake3::keyed_hash(&connection.ticket_key, &number.to_be_bytes());
    let secret = TicketSecret::from_bytes(*secret.as_bytes());
    let ticket = Ticket {
        session: connection.id(),
        mimei,
        payer,
        bytes_left: Cell::new(bytes.min(TICKET_BYTES_MAX)),
        until: shared.effects.now() + TICKET_MS,
    };
    shared.tickets.keep(secret.hash(), ticket);
    Ok(Answer::Ticket(TicketAnswer { ms: TICKET_MS, secret }))
}

fn unknown() -> Refusal {
    Refusal::new(RefusalCode::Invalid, "there is no such ticket, or it has ended; ask the session for another")
}

/// A block for whoever shows a ticket, as its session would get it.
pub(in crate::peer) async fn by_ticket(shared: &Shared, secret: TicketSecret, cid: Cid) -> Result<Vec<u8>, Refusal> {
    let ticket = shared.tickets.by_hash.borrow().get(&secret.hash()).cloned().ok_or_else(unknown)?;
    let connection = shared.connection(ticket.session).filter(|session| session.remote().is_some());
    let connection = connection.filter(|_| shared.effects.now() < ticket.until).ok_or_else(unknown)?;
    let ask = GetAsk { cid, mimei: ticket.mimei, payer: ticket.payer };
    let (item, block) = mimei::block(shared, &connection, &ask).await?;
    let bytes = block.len() as u64;
    ticket.take(bytes)?;
    if let Err(refusal) = credit::charge(shared, &connection, &item, ticket.payer, true, bytes).await {
        ticket.put_back(bytes);
        return Err(refusal);
    }
    Ok(block)
}
